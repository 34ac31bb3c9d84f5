"""From a typed function, or a dataclass, to options: names, kinds, defaults and help."""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, get_args, get_origin, get_type_hints

import docstring_parser

from lrs_lightning.options.page import one_line
from lrs_lightning.options.parser import Parser

CONFIG_HELP = "YAML file, or the name of one that `info` lists; words after it win"
PRINT_CONFIG_HELP = "print all options as such a file, and end"
HELP_HELP = "show this page"
ALL_HELP = "show every key there is"


def parser_for(function: Callable[..., Any], prog: str, skip: Collection[str] = ()) -> Parser:
    """A parser whose options are the parameters of a function.

    Positional-only parameters are positional here too; those without a default are required; a
    `list` or `Sequence` takes several words; a `bool` is a flag. The docstring's paragraphs
    describe the command, and its `Args:` the options.

    Args:
        function: with type hints and a docstring of Google's style.
        prog: how the command is called, e.g. `"python -m lrs_lightning collect"`.
        skip: parameters that are no options.
    """
    docs = docstring_parser.parse(function.__doc__ or "")
    parser = Parser(prog=prog, description=docs.description, add_help=False)
    add_general_options(parser)
    add_options(parser, function, skip=skip)
    parser.usage = " ".join([parser.prog, *_required(parser), "[options]"])
    return parser


def add_general_options(parser: Parser) -> None:
    """Add what every command understands."""
    general = parser._optionals
    general.title = "general"
    parser.add_argument("--config", action="config", metavar="FILE", help=CONFIG_HELP)
    parser.add_argument("-h", "--help", action="help", help=HELP_HELP)
    for action in parser._actions:
        if "--print_config" in action.option_strings:  # jsonargparse adds it with --config
            action.help, action.metavar = PRINT_CONFIG_HELP, ""


def add_options(
    parser: Parser,
    source: Callable[..., Any],
    title: str = "options",
    skip: Collection[str] = (),
    also: Mapping[str, str] | None = None,
) -> None:
    """Add the parameters of a function, or the fields of a dataclass, as options.

    Args:
        parser: receives them.
        source: typed and documented; of a dataclass each field by the string below it.
        title: of the group in the help.
        skip: parameters that are no options.
        also: parameter -> a second name for it.
    """
    texts = _texts(source)
    groups: dict[str, Any] = {}
    hints = get_type_hints(source)  # of a class, in the modules of its bases as well
    for name, parameter in inspect.signature(source).parameters.items():
        if name in skip:
            continue
        parameter = parameter.replace(annotation=hints[name])
        required = parameter.default is inspect.Parameter.empty
        group = "required" if required else title
        if group not in groups:
            groups[group] = parser.add_argument_group(group)
        more = () if also is None or name not in also else (also[name],)
        groups[group].add_argument(
            *_names(parameter, more),
            **_settings(parameter),
            help=one_line(texts.get(name) or "")
            + "".join(f"; --{second} is the same" for second in more),
        )
    general = parser._optionals  # stays below whatever is added
    parser._action_groups = sorted(parser._action_groups, key=lambda group: group is general)


def _texts(source: Callable[..., Any]) -> dict[str, str | None]:
    """What each parameter means; a class inherits the fields of its bases with their texts."""
    owners = reversed(inspect.getmro(source)[:-1]) if inspect.isclass(source) else [source]
    return {
        param.arg_name: param.description
        for owner in owners
        for param in docstring_parser.parse_from_object(owner).params
    }


def _names(parameter: inspect.Parameter, more: Collection[str]) -> list[str]:
    """`--num_envs`, and `--num-envs` as well."""
    if parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
        return [parameter.name]
    names = [parameter.name, *more]
    return [f"--{name}" for name in (*names, *(n.replace("_", "-") for n in names if "_" in n))]


def _settings(parameter: inspect.Parameter) -> dict[str, Any]:
    """What `add_argument` is told of a parameter."""
    hint, settings = parameter.annotation, {}
    if hint is bool:
        return {"action": "store_true", "default": False}
    for part in (hint, *get_args(hint)):  # a list, or perhaps a list
        if get_origin(part) in (list, Sequence):
            (hint,), settings = get_args(part), {"nargs": "+"}
    if parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
        return {"type": hint, "metavar": parameter.name.rstrip("s").upper(), **settings}
    if parameter.default is inspect.Parameter.empty:
        return {"type": hint, "required": True, **settings}
    default = parameter.default
    default = parameter.default
    if settings and default is not None:
        default = list(default)
    return {"type": hint, "default": default, **settings}


def _required(parser: Parser) -> list[str]:
    """What a command cannot do without, as its usage shows it."""
    page = parser._get_formatter()

    def shown(action: argparse.Action) -> str:
        if action.option_strings:
            return page._format_action_invocation(action)
        return f"{action.metavar} ..." if action.nargs else str(action.metavar)

    return [shown(action) for action in parser._actions if action.required]
