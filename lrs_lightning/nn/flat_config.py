"""Configurations of one level, as checkpoints held them before encoder and core had their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from lrs_lightning.nn.config import PolicyConfig
from lrs_lightning.nn.core import CORES
from lrs_lightning.nn.encoders import ENCODERS


def read_config(values: Mapping[str, Any]) -> PolicyConfig:
    """The configuration that a checkpoint holds, of today's form or of one level.

    Raises:
        ArgumentError: a key or value that does not exist.

    Example:
        >>> read_config({"cell": "gru", "rank": 4, "mode": "paper", "encoder": "mlp"}).core.rank
        4
    """
    return PolicyConfig.from_dict(nested(values) if is_flat(values) else values)


def is_flat(values: Mapping[str, Any]) -> bool:
    """Whether a configuration is of one level: its core was called `cell`."""
    return "cell" in values


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Today's form of a configuration of one level.

    Every key was there for every core then; what meant nothing for the chosen one is left out.
    """
    options = dict(flat)
    core, encoder = options.pop("cell"), options.pop("encoder", "mlp")
    init_seed = options.pop("init_seed", None)
    if options.get("control") == "none":
        options["control"] = None
    return {
        "encoder": {"name": encoder} | _of(ENCODERS[encoder], options),
        "core": {"name": core} | _of(CORES[core], options),
        "init_seed": init_seed,
    }


def _of(choice: Any, options: Mapping[str, Any]) -> dict[str, Any]:
    own = {field.name for field in fields(choice)}
    return {key: value for key, value in options.items() if key in own}
