"""What a run of a sweep takes of a machine that it shares with others."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lrs_lightning.errors import ArgumentError


@dataclass(frozen=True)
class Needs:
    """Of one run.

    Args:
        cpus: cores.
        gpus: 1, or a share of one; 0 trains on the CPU.
    """

    cpus: int = 1
    gpus: float = 0.0

    def check(self) -> None:
        """Raise for what no run can use.

        Raises:
            ArgumentError: more than one GPU, or less than none.
        """
        if not 0 <= self.gpus <= 1:
            raise ArgumentError(
                f"--gpus is {self.gpus:g}: a run takes one GPU (1), a share of one (0.5: two runs "
                "on each), or none (0)"
            )

    def fit_on(self, resources: Mapping[str, float]) -> int:
        """How many runs a machine with such `CPU` and `GPU` takes at a time."""
        count = int(resources.get("CPU", 0) // self.cpus)
        if self.gpus:
            # A run whole on one GPU: two shares of 0.6 are not one of each half.
            count = min(count, int(resources.get("GPU", 0)) * int(1 / self.gpus + 1e-9))
        return count

    def applied(self, fit: Mapping[str, Any]) -> dict[str, Any]:
        """A configuration of `fit` that keeps to its cores, wherever it does not say how many.

        Left alone every run would take all cores of its machine. No result of an evaluation depends
        on the threads; the last digits of a population's training may.
        """
        content = copy.deepcopy(dict(fit))
        sections = ["evaluation"] if self.gpus else ["evaluation", "population"]
        for name in sections:
            section = dict(content.get(name) or {})
            if section.get("threads") is None:
                content[name] = {**section, "threads": self.cpus}
        return content

    def __str__(self) -> str:
        """`2 CPUs and 0.5 GPU`."""
        cpus = f"{self.cpus} CPU{'s' if self.cpus > 1 else ''}"
        return f"{cpus} and {self.gpus:g} GPU" if self.gpus else cpus
