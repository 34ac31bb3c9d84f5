"""The policies of all members in a few stacks, each of which runs in one call.

Letters: P members.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lrs_lightning.data import WindowBatch
from lrs_lightning.nn import RecurrentPolicy
from lrs_lightning.nn.population import PolicyPopulation, architecture
from lrs_lightning.training.graph import RecordedLosses, Recorder
from lrs_lightning.training.losses import imitation_loss
from lrs_lightning.training.population.crew import Crew
from lrs_lightning.training.population.updates import Views, clip, hand_out, member_views
from lrs_lightning.training.unrolling import unroll_windows

Batches = Sequence[WindowBatch]


class Stack:
    """Members of one architecture.

    Args:
        members: their numbers.
        policies: theirs, in that order.
    """

    def __init__(self, members: Sequence[int], policies: Sequence[RecurrentPolicy]) -> None:
        self.members, self.population = list(members), PolicyPopulation(policies)
        self.views: list[Views] = []
        self._good: dict[str, Tensor] = {}

    def run(
        self, function: Callable[..., Any], batches: Batches, place_of: Sequence[int]
    ) -> tuple[Tensor, ...]:
        """Call a function of a policy and its windows for all members.

        Args:
            function: takes a policy, observations, labels, loss mask, and timespans if there are.
            batches: of all members.
            place_of: member -> the place of its batch among them.
        """
        own = [batches[place_of[member]] for member in self.members]
        inputs = [[part for part in batch if part is not None] for batch in own]
        if all(batch is own[0] for batch in own):  # all see the same: nothing is copied
            found = self.population.run(function, *inputs[0], axes=[None] * len(inputs[0]))
        else:
            parts = [torch.stack(tensors) for tensors in zip(*inputs, strict=True)]
            found = self.population.run(function, *parts, axes=[0] * len(parts))
        return found if isinstance(found, tuple) else (found,)

    @torch.no_grad()
    def remember(self) -> None:
        """Keep the weights as they are."""
        self._good = {n: p.detach().clone() for n, p in self.population.stacked().items()}

    @torch.no_grad()
    def restore_if_not_finite(self, member: int) -> None:
        """Give a member the weights that were kept, where its own are no numbers any more."""
        place = self.members.index(member)
        now = {n: p.detach()[place] for n, p in self.population.stacked().items()}
        if not all(bool(torch.isfinite(part).all()) for part in now.values()):
            for name, part in now.items():
                part.copy_(self._good[name][place])


class MemberStacks:
    """All members.

    Args:
        policies: `(P,)`; what has one architecture is stacked.
        threads: that run the stacks, of which each has some.
    """

    def __init__(self, policies: Sequence[RecurrentPolicy], threads: int) -> None:
        groups: dict[str, list[int]] = {}
        for number, policy in enumerate(policies):
            groups.setdefault(architecture(policy), []).append(number)
        self.stacks = [
            Stack(own, [policies[number] for number in own])
            for members in groups.values()
            for own in _parts(members, threads)
        ]
        draws = any(getattr(policy.core, "dropout", 0.0) for policy in policies)
        # Threads would draw from torch's generator in an order that nobody could repeat.
        self._crew = Crew(1 if draws else threads)
        self._recorder: Recorder | None = None
        self._recorded: RecordedLosses | None = None
        self.draws = draws
        """Whether dropout draws random numbers."""

    def modules(self) -> Iterable[nn.Module]:
        """What holds the parameters."""
        return (stack.population for stack in self.stacks)

    def run_in_one_thread(self) -> None:
        """Let the caller's thread run all stacks: on a GPU it only launches."""
        self._crew = Crew(1)

    def record_with(self, recorder: Recorder) -> None:
        """From now on record forward and backward pass once, and replay them; see `training.graph`.

        For `differentiate` with a share of 1 and no gradients before it, and not where dropout
        draws: the runs before a recording draw as well.
        """
        self._recorder = recorder

    def losses(self, batches: Batches, place_of: Sequence[int]) -> list[Tensor]:
        """The loss of each member, stack by stack; `by_member` has them in their order."""
        if self._recorder is None:
            return self._losses(batches, place_of)
        if self._recorded is None:
            self._recorded = RecordedLosses(
                lambda own: self._losses(own, place_of), self._learned(), self._recorder
            )
        self._recorded(batches)
        return self._recorded.losses

    def _losses(self, batches: Batches, place_of: Sequence[int]) -> list[Tensor]:
        return self._crew.map(lambda stack: stack.run(_loss, batches, place_of)[0], self.stacks)

    def _learned(self) -> list[nn.Parameter]:
        return [p for module in self.modules() for p in module.parameters() if p.requires_grad]

    def differentiate(self, losses: Sequence[Tensor], share: float) -> None:
        """Add the gradients of `share` times the losses to those of the parameters."""
        if self._recorded is not None:
            self._recorded.hand_out()
            return

        def backward(own: Tensor) -> None:
            torch.autograd.backward(own, torch.full_like(own, share))

        self._crew.map(backward, losses)

    def outputs(
        self, batches: Batches, place_of: Sequence[int]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Losses, stack by stack, and the outputs of each member, `(B, T, A)` each."""
        found = self._crew.map(lambda s: s.run(_loss_and_outputs, batches, place_of), self.stacks)
        each = [part for _, outputs in found for part in outputs]
        return [losses for losses, _ in found], [each[i] for i in self._order()]

    def by_member(self, parts: Sequence[Tensor]) -> Tensor:
        """Numbers that stacks gave, in the order of the members, `(P,)`."""
        whole, order = torch.cat(list(parts)), self._order()
        # An index would wait for a GPU, in every update.
        return whole if order == list(range(len(order))) else whole[order]

    def make_views(self) -> list[Views]:
        """Each member's part of the parameters, where they are now; for an optimiser."""
        for stack in self.stacks:
            stack.views = member_views(stack.population.stacked(), len(stack.members))
        each = [views for stack in self.stacks for views in stack.views]
        return [each[i] for i in self._order()]

    def clip(self, limit: float | None, algorithm: str | None) -> Tensor:
        """Clip the gradient of each member, and return the norms before that, `(P,)`."""
        parts = [clip(stack.population.stacked(), limit, algorithm) for stack in self.stacks]
        return self.by_member(parts)

    def hand_out(self, allowed: Sequence[bool]) -> None:
        """Give the views of each member its gradients; none where no update is allowed."""
        for stack in self.stacks:
            own = [allowed[member] for member in stack.members]
            hand_out(stack.population.stacked(), stack.views, own)

    @torch.no_grad()
    def copy_to(self, policies: Sequence[RecurrentPolicy]) -> None:
        """Copy the weights of all members into policies of their own, `(P,)`."""
        for stack in self.stacks:
            like = next(stack.population.parameters())
            for place, member in enumerate(stack.members):
                policy = policies[member].to(like.device, like.dtype)
                stack.population.copy_to(policy, place).eval()

    def _order(self) -> list[int]:
        """Member -> its place where stacks follow each other."""
        places = [member for stack in self.stacks for member in stack.members]
        return sorted(range(len(places)), key=places.__getitem__)


def _parts(members: Sequence[int], threads: int) -> list[Sequence[int]]:
    """Members in so many parts that each thread has some; a stack of one has no use."""
    parts = min(threads, max(1, len(members) // 2))
    size = -(-len(members) // parts)
    return [members[first : first + size] for first in range(0, len(members), size)]


def _loss(policy: RecurrentPolicy, *windows: Tensor) -> Tensor:
    return _loss_and_outputs(policy, *windows)[0]


def _loss_and_outputs(
    policy: RecurrentPolicy,
    seen: Tensor,
    wanted: Tensor,
    mask: Tensor,
    timespans: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    outputs = unroll_windows(policy, seen, timespans if policy.knows_time else None)
    return imitation_loss(outputs, wanted, mask), outputs
