"""A policy's configuration on the command line: its classes, and sentences about wrong ones.

jsonargparse chooses among the subclasses of a type and takes the options of the chosen one:
`--model.policy.core LSTM --model.policy.core.rank 4`. Checkpoints hold names instead of classes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from lrs_lightning.errors import UnknownNameError, did_you_mean
from lrs_lightning.nn import CONTROLS, CORES, ENCODERS, PolicyConfig, read_config
from lrs_lightning.nn.choices import Choice, Registry, options_of

_REGISTRIES: tuple[Registry[Any], ...] = (ENCODERS, CORES, CONTROLS)


def with_classes(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Hyper-parameters of a checkpoint with its policy in the form that the parser takes.

    Args:
        arguments: of an `ImitationModule`, or of one verb that has it as `model`.
    """
    given = dict(arguments)
    if isinstance(given.get("policy"), Mapping) and _is_plain(given["policy"]):
        config = read_config(given["policy"])
        given["policy"] = {
            "encoder": _with_class(config.encoder),
            "core": _with_class(config.core),
            "init_seed": config.init_seed,
        }
    return {
        key: with_classes(value) if isinstance(value, Mapping) and key != "policy" else value
        for key, value in given.items()
    }


def _is_plain(policy: Mapping[str, Any]) -> bool:
    return "cell" in policy or any(
        isinstance(choice, Mapping) and "name" in choice for choice in policy.values()
    )


def _with_class(choice: Choice) -> dict[str, Any]:
    options = {
        key: _with_class(value) if isinstance(value, Choice) else value
        for key, value in options_of(choice).items()
    }
    return {
        "class_path": f"{type(choice).__module__}.{type(choice).__name__}",
        "init_args": options,
    }


def about_choice(text: str, keys: Iterable[str]) -> str | None:
    """A better sentence for what the parser says of a choice and its options; None for the rest.

    Args:
        text: the parser's message, on one line.
        keys: options of the parser that says it, which is that of a choice where an option of it
            is wrong.
    """
    if option := re.fullmatch(r"Option '(\w+)' is not accepted", text):
        own = sorted(key for key in keys if key.rpartition(".")[2] != "help")
        return _unknown_option(option[1], own)
    name = re.search(r"Expected a dot import path string: (\S+)", text)
    where = re.findall(r"Parser key \"([\w.]+)\"", text)
    if name and where:
        kind = where[-1].rpartition(".")[2]
        for registry in _REGISTRIES:
            if registry.kind == kind:
                classes = [choice.__name__ for choice in registry.classes()]
                return str(UnknownNameError(kind, name[1], classes))
    return None


def _unknown_option(key: str, known: list[str]) -> str:
    owners = [
        choice.__name__
        for registry in _REGISTRIES
        for choice in registry.classes()
        if key in [field.name for field in fields(choice)]
    ]
    hint = f": it belongs to {', '.join(owners)}." if owners else did_you_mean(key, known)
    return f"unknown key {key!r}{hint} There is {', '.join(known)}"


def old_key(key: str) -> str | None:
    """Where a key of `model.policy` stands that had no group before, as a sentence."""
    name = key.removeprefix("model.policy.")
    if name == key:
        return None
    if name == "cell":
        return f"unknown key {key!r}: name the cell with model.policy.core, e.g. LSTM"
    default = PolicyConfig()
    for group, registry in (("core", CORES), ("encoder", ENCODERS)):
        for choice in [type(getattr(default, group)), *registry.classes()]:
            if name in [field.name for field in fields(choice)]:
                return f"unknown key {key!r}: it is now model.policy.{group}.{name}"
    return None
