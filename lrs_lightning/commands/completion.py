"""`completion`: a script for the shell, after which the tab key completes verbs, options, names.

It is printed once and holds all words itself, so that a key press starts no Python.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from lrs_lightning.commands import PROGRAM, VERBS
from lrs_lightning.options.call import call

_SCRIPT = """# Completion of lrs-lightning for bash and zsh:  eval "$(lrs-lightning completion)"
[ -n "$ZSH_VERSION" ] && autoload -U compinit bashcompinit && compinit && bashcompinit
_lrs_lightning() {{
  local current="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD-1]}}" words=""
  local verb="${{COMP_WORDS[1]}}"
  if [ "$COMP_CWORD" = 1 ]; then words="{verbs}"
  else
    if [ "$COMP_CWORD" -gt 2 ]; then case "$verb ${{COMP_WORDS[2]}}" in
      {pairs}) verb="$verb ${{COMP_WORDS[2]}}";;
    esac; fi
    case "$verb $before" in
{values}
    esac
    if [ -z "$words" ]; then case "$verb $current" in
{options}
    esac; fi
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}}
complete -o default -F _lrs_lightning lrs-lightning
"""


def main(verb: str, arguments: list[str]) -> int:
    """Run the verb; see `--help`."""
    return int(call(completion, f"{PROGRAM} {verb}", arguments))


def completion() -> int:
    """Print a script that lets the tab key of bash and zsh complete verbs, options and names.

    It is for the command lrs-lightning, which is the same as `python -m lrs_lightning`. Put this
    line into ~/.bashrc or ~/.zshrc: eval "$(lrs-lightning completion)"
    """
    print(script(), end="")
    return 0


def script() -> str:
    """The script: each verb's options, and the words that an option takes where they are few."""
    options: dict[str, str] = {}
    values: dict[str, str] = {}
    for verb, names in _of_verbs(VERBS):
        options[verb] = " ".join(names)
        for name, words in names.items():
            if words:  # those of --config are the same for every verb
                place = f'*" {name}"' if name == "--config" else f'"{verb} {name}"'
                values[place] = " ".join(words)
    return _SCRIPT.format(
        verbs=" ".join([*VERBS, "--help", "--version"]),
        pairs="|".join(f'"{verb}"' for verb in options if " " in verb),
        values="\n".join(f'      {place}) words="{words}";;' for place, words in values.items()),
        # Files are offered where no option was begun; actions are no options. Longer ones first:
        # "expert fit" is an "expert" as well.
        options="\n".join(
            f'      "{verb} "{"" if verb == "expert" else "-"}*) words="{options[verb]}";;'
            for verb in sorted(options, key=len, reverse=True)
        ),
    )


Names = dict[str, tuple[str, ...]]
"""Option -> the words that it takes, where they are few."""


def _of_verbs(verbs: dict[str, tuple[str, str]]) -> Iterator[tuple[str, Names]]:
    from lrs_lightning.commands.expert import ACTIONS
    from lrs_lightning.commands.fit import page

    for verb, (module, _) in verbs.items():
        if module == "fit":
            lines = [line.split() for line in page(verb).splitlines()]
            yield verb, _with_names([w[0].rstrip(",") for w in lines if w and w[0][:2] == "--"])
        elif verb == "expert":
            yield verb, dict.fromkeys([*ACTIONS, "--help"], ())
            for action in ACTIONS:
                yield f"{verb} {action}", _of_function(_function(module, action))
        else:
            yield verb, _of_function(_function(module, module))
            if verb == "analyze":
                yield "analyze theory", _of_function(_function(module, "theory"))


def _function(module: str, name: str) -> Callable[..., Any]:
    function: Callable[..., Any] = getattr(import_module(f"lrs_lightning.commands.{module}"), name)
    return function


def _of_function(function: Callable[..., Any]) -> Names:
    from lrs_lightning.options.kinds import kind_of
    from lrs_lightning.options.page import shown_options
    from lrs_lightning.options.signature import parser_for

    actions: list[argparse.Action] = parser_for(function, "", skip={"recipe"})._actions
    named = {shown_options(a)[-1]: kind_of(a).choices for a in actions if a.option_strings}
    return _with_names(named) | {name: words for name, words in named.items() if words}


def _with_names(options: Any) -> Names:
    """The options with the names that ship with the package; whatever has none takes files."""
    from lrs_lightning.options.shipped import shipped_configurations

    suites = Path(__file__).parents[1] / "evaluation" / "suites"
    known = {
        "--config": tuple(shipped_configurations()),
        "suite": tuple(sorted(path.stem for path in suites.glob("*.yaml"))),
        "--expert": ("shipped",),
        "--policy": ("shipped",),
    }
    return {
        name: known.get(name, known["suite"] if name.endswith("suite") else ()) for name in options
    }
