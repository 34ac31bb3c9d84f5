"""The short help of `fit` and its kin: the keys that matter most, read from the real parser.

To build that parser takes seconds, since it knows all of Lightning, and `--help` shall answer at
once. So the page is a file beside this one. `python -m lrs_lightning.commands.fit_page` writes it
anew, and a test fails where it is not what the parser says.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from jsonargparse import capture_parser, set_parsing_settings

from lrs_lightning.commands import PROGRAM
from lrs_lightning.files import write_whole
from lrs_lightning.options.page import Page, one_line
from lrs_lightning.options.parser import Parser
from lrs_lightning.options.signature import (
    ALL_HELP,
    CONFIG_HELP,
    HELP_HELP,
    PRINT_CONFIG_HELP,
    add_options,
)

FILE = Path(__file__).with_name("fit_page.txt")
WIDTH = 80

KEYS = {
    "policy": (
        "model.policy.core",
        "model.policy.core.hidden_size",
        "model.policy.core.rank",
        "model.policy.core.sparsity",
        "model.policy.core.control",
        "model.policy.encoder",
        "model.policy.encoder.channels",
    ),
    "training": ("model.lr", "trainer.max_steps", "seed_everything"),
    "run": ("ckpt_path",),
    "demonstrations": ("data.env", "data.path", "data.episodes", "data.noise"),
    "evaluation": ("evaluation.suite", "evaluation.episodes"),
}
# What the parser says too little of, or too much.
TEXTS = {
    "trainer.max_steps": "updates",
    "model.policy.core": "CfC, LSTM, GRU, RNN, MLP, Stack; its options: --model.policy.core.help",
    "model.policy.encoder": "Vector; for images Small, Nature, Ncps, Impala",
    "seed_everything": "seed of weights and training",
    "data.noise": "of executed actions: a deviation such as 0.3, or a schedule; auto: 0:0.4, where "
    "actions are discrete 0:0.1",
    "ckpt_path": "a run folder or checkpoint: to go on from in fit, else to judge",
}
GENERAL = {
    "--config FILE": CONFIG_HELP,
    "--print_config": PRINT_CONFIG_HELP,
    "--quiet": "show no progress",
    "-h, --help": HELP_HELP,
    "--help=all": ALL_HELP,
}


def write_page() -> Path:
    """Write the page."""
    return write_whole(FILE, fit_page())


def fit_page() -> str:
    """The page for any of Lightning's verbs; `{verb}` and `{about}` are to be filled in."""
    actions = _actions()
    page = Page(f"{PROGRAM} {{verb}}", width=WIDTH, max_help_position=33)
    for title, keys in KEYS.items():
        page.start_section(title)
        page.add_arguments([_told(actions[key]) for key in keys])
        page.end_section()
    page.start_section("general")
    page.add_arguments(
        [argparse.Action([], name, help=text, metavar=name) for name, text in GENERAL.items()]
    )
    page.end_section()
    usage = f"usage: {PROGRAM} {{verb}} [--config FILE] [--KEY=VALUE ...]\n\n{{about}}\n"
    return f"{usage}\n{page.format_help()}"


def _actions() -> dict[str, argparse.Action]:
    """What `fit` can be told, by key."""
    from lrs_lightning.training.trainer_cli import TrainerCLI

    # The meaning of a dataclass's fields stands below them, which is not read unless asked for.
    set_parsing_settings(docstring_parse_attribute_docstrings=True)
    parser = capture_parser(lambda: TrainerCLI(["fit"]))
    verbs = next(a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    actions = {action.dest: action for action in verbs.choices["fit"]._actions}
    return {**actions, **_of_choices()}


def _of_choices() -> dict[str, argparse.Action]:
    """The options of the core and the encoder that a policy has where none is chosen."""
    from lrs_lightning.nn import PolicyConfig

    found: dict[str, argparse.Action] = {}
    for name in ("core", "encoder"):
        parser = Parser(add_help=False)
        add_options(parser, type(getattr(PolicyConfig(), name)))
        for action in parser._actions:
            key = f"model.policy.{name}.{action.dest}"
            action.option_strings = [f"--{key}"]
            found[key] = action
    return found


def _told(action: argparse.Action) -> argparse.Action:
    """The action with a description of one sentence."""
    key = action.option_strings[-1].lstrip("-")
    text = TEXTS.get(key) or one_line(action.help or "")
    action.help = text.split(". ")[0]
    return action


if __name__ == "__main__":
    print(write_page())
