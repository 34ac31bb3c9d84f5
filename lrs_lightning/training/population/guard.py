"""Numbers that are not finite stop the one member that they are of; the others go on."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lrs_lightning.training.callbacks.finite_guard import FiniteGuard


class MemberGuard:
    """Looks at the loss and the norm of the gradient of each member.

    Args:
        names: of the members, P.
        like: what the single `fit` would do: stop, or skip the update, and how often in a row.
    """

    def __init__(self, names: Sequence[str], like: FiniteGuard | None = None) -> None:
        self.names = list(names)
        like = FiniteGuard() if like is None else like
        self.action, self.limit = like.action, like.limit
        self.stopped: dict[str, str] = {}
        """Name of a member that has stopped -> why, a sentence."""
        self.skipped = [0] * len(self.names)
        self._in_a_row = [0] * len(self.names)

    def going_on(self, member: int) -> bool:
        """Whether a member is still trained."""
        return self.names[member] not in self.stopped

    def judge(
        self,
        losses: Sequence[float],
        norms: Sequence[float],
        where: str,
        reason: Callable[[int], str],
    ) -> list[bool]:
        """Which members may be updated; one that must stop is told on stderr.

        Args:
            losses: of each member.
            norms: of its gradient, before clipping.
            where: which update it is.
            reason: member -> why its numbers are not finite, as far as its batch tells.
        """
        return [
            self.going_on(member) and self._allows(member, loss, norm, where, reason)
            for member, (loss, norm) in enumerate(zip(losses, norms, strict=True))
        ]

    def _allows(
        self, member: int, loss: float, norm: float, where: str, reason: Callable[[int], str]
    ) -> bool:
        if math.isfinite(loss) and math.isfinite(norm):
            self._in_a_row[member] = 0
            return True
        self.skipped[member] += 1
        self._in_a_row[member] += 1
        bad = f"{where}: the loss is {loss:g} and the norm of the gradient {norm:g}"
        if self.action == "stop" or self._in_a_row[member] > self.limit:
            self.stop(member, f"{bad}; {reason(member)}")
        else:
            name = self.names[member]
            print(f"note: member {name}, {bad}. Skipped", file=sys.stderr)
        return False

    def judge_validation(self, losses: Sequence[float], where: str) -> None:
        """Stop members whose validation loss is not finite, unless updates are to be skipped."""
        for member, loss in enumerate(losses):
            if self.action == "stop" and self.going_on(member) and not math.isfinite(loss):
                self.stop(member, f"{where}: the loss is {loss:g}")

    def stop(self, member: int, why: str) -> None:
        """Let a member go no further, and say so."""
        name = self.names[member]
        self.stopped[name] = why
        print(f"note: member {name} stops at {why}. The others go on", file=sys.stderr)

    def state_dict(self) -> dict[str, Any]:
        """Who has stopped and why, and what was skipped."""
        return {
            "stopped": dict(self.stopped),
            "skipped": list(self.skipped),
            "in_a_row": list(self._in_a_row),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on with that."""
        self.stopped = dict(state["stopped"])
        self.skipped, self._in_a_row = list(state["skipped"]), list(state["in_a_row"])
