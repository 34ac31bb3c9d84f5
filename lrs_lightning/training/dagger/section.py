"""The section `dagger` of a configuration: how many rounds there are, and who acts in them."""

from __future__ import annotations

from dataclasses import dataclass

from lrs_lightning.errors import ArgumentError


@dataclass
class DAgger:
    """Rounds of DAgger (Ross, Gordon and Bagnell 2011) between epochs of the training.

    In round i the expert acts in a share beta^i of the steps, the student in the rest, and the
    expert labels all.
    """

    rounds: int = 5
    """Rounds of the whole training."""

    episodes: int = 4
    """Episodes of a round; those of a population are shared out among its members."""

    every_n_epochs: int = 1
    """Epochs between two rounds; the first is played after so many."""

    beta: float = 0.5
    """Share of the steps in which the expert acts, in round 1; in round i its i-th power."""

    noise: float = 0.0
    """Strength of the noise on executed actions, as in data.noise."""

    steps_after_fall: int = 50
    """Steps that are kept of an episode after the student has fallen for good."""

    expert: str | None = None
    """Who labels: `shipped` or a path; null is who demonstrated."""

    def check(self) -> None:
        """Refuse what makes no sense.

        Raises:
            ArgumentError: names the key.
        """
        for name in ("rounds", "episodes", "every_n_epochs"):
            if getattr(self, name) < 1:
                raise ArgumentError(f"dagger.{name} is {getattr(self, name)}, expected at least 1")
        if not 0 <= self.beta <= 1:
            raise ArgumentError(f"dagger.beta is {self.beta}, expected a share of 0 to 1")
        if self.noise < 0 or self.steps_after_fall < 0:
            raise ArgumentError("dagger.noise and dagger.steps_after_fall: expected at least 0")

    def beta_of(self, number: int) -> float:
        """The expert's share of the steps in a round, counted from 1."""
        return float(self.beta**number)

    def due(self, epoch: int) -> int:
        """How many rounds have been played before an epoch, counted from 0, is trained."""
        return min(self.rounds, epoch // self.every_n_epochs)
