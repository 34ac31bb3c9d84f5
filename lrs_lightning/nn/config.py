"""What a policy is made of, as plain values: the same for Python, YAML and a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lrs_lightning.errors import ArgumentError, did_you_mean
from lrs_lightning.nn import _checks
from lrs_lightning.nn.choices import Choice, options_of
from lrs_lightning.nn.core import CORES, CoreOptions
from lrs_lightning.nn.cores import CfC
from lrs_lightning.nn.encoders import ENCODERS, EncoderOptions, Vector


@dataclass(frozen=True)
class PolicyConfig:
    """Encoder and recurrent core of a policy; its head follows from the actions of the task.

    Raises:
        ArgumentError: a value that cannot be used; the sentence names the key.

    Example:
        >>> from lrs_lightning.nn import controls, cores
        >>> config = PolicyConfig(core=cores.LSTM(rank=4, control=controls.Pruned()))
        >>> config.to_dict()["core"]["control"]
        {'name': 'pruned'}
    """

    encoder: EncoderOptions = field(default_factory=Vector)
    """What makes features: Vector; for images Small, Nature, Ncps, Impala, Frozen (of a run)."""

    core: CoreOptions = field(default_factory=CfC)
    """What remembers: CfC, LSTM, GRU, RNN; without recurrence MLP (memoryless), Stack."""

    init_seed: int | None = None
    """Seed of the initial weights alone; null takes them from torch's global generator."""

    def __post_init__(self) -> None:
        for name, kind in (("encoder", EncoderOptions), ("core", CoreOptions)):
            value = getattr(self, name)
            if not isinstance(value, kind):
                raise ArgumentError(
                    f"{name} is {value!r}: give one of lrs_lightning.nn.{name}s, or use "
                    "PolicyConfig.from_dict for names and plain values."
                )
        if self.init_seed is not None:
            _checks.seed("init_seed", self.init_seed)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> PolicyConfig:
        """The configuration from plain values, such as those of `to_dict`.

        Args:
            values: `encoder` and `core`, each a name or a dictionary of `name` and options, and
                `init_seed`. What is left out has its default.

        Raises:
            ArgumentError: a key or value that does not exist.

        Example:
            >>> PolicyConfig.from_dict({"core": {"name": "stack", "frames": 2}}).core.frames
            2
        """
        known = ("encoder", "core", "init_seed")
        for key in values:
            if key not in known:
                raise ArgumentError(
                    f"a policy has no key {key!r}{did_you_mean(key, known)} It has "
                    f"{', '.join(known)}; options of a core belong under `core`, those of an "
                    "encoder under `encoder`."
                )
        made = dict(values)
        for key, registry in (("encoder", ENCODERS), ("core", CORES)):
            if key in made and not isinstance(made[key], Choice):
                made[key] = registry.from_dict(made[key])
        return cls(**made)

    def to_dict(self) -> dict[str, Any]:
        """The configuration as plain values, nested as it is."""
        return {
            "encoder": self.encoder.to_dict(),
            "core": self.core.to_dict(),
            "init_seed": self.init_seed,
        }

    def describe(self) -> dict[str, Any]:
        """The configuration on one level, for `summary.json` and the report.

        `cell`, `hidden_size`, `rank` and `sparsity` are always there: a core without recurrence has
        rank null and sparsity 0.
        """
        core = options_of(self.core)
        control = core.pop("control", None)
        named = {} if control is None else options_of(control)
        return {
            "cell": self.core.name,
            **{"hidden_size": None, "rank": None, "sparsity": 0.0},
            **core,
            "control": "none" if control is None else control.name,
            **{f"control_{key}": value for key, value in named.items()},
            **self.encoder.describe(),
            "init_seed": self.init_seed,
        }
