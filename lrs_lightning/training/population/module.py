"""Imitation learning of many policies at once; each as `ImitationModule` learns alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor, nn

from lrs_lightning.data import Task, WindowBatch
from lrs_lightning.envs import available_cores
from lrs_lightning.errors import ArgumentError, LrsError, NotFiniteError
from lrs_lightning.rollout import Policy
from lrs_lightning.shifts import ShiftContext
from lrs_lightning.statistics.training_seeds import training_facts
from lrs_lightning.training.bad_batches import fault_of
from lrs_lightning.training.callbacks.finite_guard import FiniteGuard
from lrs_lightning.training.cycle import one_cycle, refuse_stretching
from lrs_lightning.training.frozen_source import why_no_weights
from lrs_lightning.training.graph import check_recordable, record
from lrs_lightning.training.means import WeightedMeans
from lrs_lightning.training.playable import context_of
from lrs_lightning.training.population.datamodule import PopulationTrajectories
from lrs_lightning.training.population.guard import MemberGuard
from lrs_lightning.training.population.members import Member
from lrs_lightning.training.population.stacks import Batches, MemberStacks
from lrs_lightning.training.population.updates import joined, parameter_groups
from lrs_lightning.training.run_folder import MEMBERS, POLICY, folder_of

KEY = "population"
"""Key of a checkpoint that tells who the members are."""


class PopulationModule(pl.LightningModule):
    """P members side by side; every one ends as a `fit` of its own would have ended.

    Members of one architecture are stacked and run by `torch.vmap` over an unchanged policy; see
    `nn.population`. Clipping, learning rate, guard against numbers that are not finite, metrics and
    checkpoints are each member's own.

    Args:
        members: P of them.
        threads: members are shared out among so many; None takes the cores of this machine, and one
            where the module is not on the CPU.
        guard: what happens where numbers are not finite.
        declared: how a configuration declares the members, plain values for checkpoints.
        graph: replay the passes of an update as one CUDA graph.
    """

    def __init__(
        self,
        members: Sequence[Member],
        threads: int | None = None,
        guard: FiniteGuard | None = None,
        declared: Mapping[str, Any] | None = None,
        graph: bool = False,
    ) -> None:
        super().__init__()
        self.members, self.graph = list(members), graph
        self.threads, self.declared = threads, dict(declared or {})
        self.guard = MemberGuard([member.name for member in self.members], guard)
        self.task: Task | None = None
        self.train_loss = WeightedMeans(len(self.members))
        self.val_loss = WeightedMeans(len(self.members))
        self.figures: dict[str, list[float]] = {}
        """Figures of the last epoch, one for each member, e.g. `val/loss`."""
        self.stacks: MemberStacks  # from `setup` on
        self._losses: list[Tensor] = []  # of each stack, of the batch at hand, with their graphs
        self._update_loss: Tensor | None = None  # (P,), of all batches of an update
        self._batch: Batches | None = None
        self._no_weights: LrsError | None = None  # why an encoder could not be taken

    def setup(self, stage: str) -> None:
        """Build every policy as a `fit` of its own would, and stack them."""
        if self.trainer.world_size > 1:
            raise ArgumentError(
                "a population is trained by one process: give --trainer.devices=1 and share the "
                "members out among several runs"
            )
        if self.task is not None:
            return
        data = self._data
        self.task = data.task
        policies = [
            member.build(data.task, data.statistics(number))
            for number, member in enumerate(self.members)
        ]
        reasons = [why_no_weights(policy, data.task) for policy in policies]
        self._no_weights = next((reason for reason in reasons if reason is not None), None)
        on_cpu = self.trainer.strategy.root_device.type == "cpu"
        if self.threads is None:
            self.threads = available_cores() if on_cpu else 1
        # How members are shared out decides the shapes in a checkpoint, and the last bits.
        self.declared = {**self.declared, "threads": self.threads}
        self.stacks = MemberStacks(policies, self.threads)
        if not on_cpu:
            self.stacks.run_in_one_thread()
        self.stacked = nn.ModuleList(self.stacks.modules())

    def on_fit_start(self) -> None:
        """Have the data hand out features to members whose encoder is frozen."""
        if self._no_weights is not None:
            raise self._no_weights
        frozen = [i for i, one in enumerate(self.members) if one.policy.encoder.frozen]
        if frozen and self.trainer.ckpt_path is not None:
            self.take_back()  # the weights came with the checkpoint
        for number in frozen:
            self._data.learn_from_features(number, self.members[number].policy.encoder)

    def on_train_start(self) -> None:
        """Refuse what cannot be; from here on there is something good to go back to."""
        refuse_stretching(self)
        if getattr(self.trainer.precision_plugin, "scaler", None) is not None:
            raise ArgumentError(
                "a population has one loss for each member and cannot scale them as 16-mixed does: "
                "give --trainer.precision=bf16-mixed or 32"
            )
        if self.graph:
            check_recordable("population.graph", self, self.stacks.draws)
            self.stacks.record_with(record)
        self._remember()

    def training_step(self, batch: Batches, batch_idx: int) -> Tensor:
        """The losses of all members for their batches, as one sum."""
        self._batch = batch
        targeted = [self._targeted(own) for own in batch]
        self._losses = self.stacks.losses(targeted, self._data.stream_of)
        losses = self.stacks.by_member([loss.detach() for loss in self._losses])
        self.train_loss.update(losses)
        before = self._update_loss
        self._update_loss = losses if before is None else before + losses
        return losses.sum()

    def backward(self, loss: Tensor, *args: Any, **kwargs: Any) -> None:
        """Differentiate stack by stack: no member's loss depends on another one's parameters."""
        losses, self._losses = self._losses, []
        self.stacks.differentiate(losses, 1 / self.trainer.accumulate_grad_batches)

    def configure_optimizers(self) -> Any:
        """AdamW for every member, and one cycle of its own learning rate."""
        groups: list[Any] = []
        for member, views in zip(self.members, self.stacks.make_views(), strict=True):
            own = member.module.hparams
            groups += parameter_groups(views, own["lr"], own["weight_decay"])
        optimizer = torch.optim.AdamW(joined(groups), fused=True)
        warmup = self.members[0].module.hparams["warmup"]
        return one_cycle(optimizer, int(self.trainer.estimated_stepping_batches), warmup)

    def optimizer_zero_grad(self, epoch: int, batch_idx: int, optimizer: Any) -> None:
        """Forget the gradients of the stacked parameters, and of the views of them."""
        optimizer.zero_grad()
        for parameter in self.parameters():
            parameter.grad = None

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip each member by itself; where its numbers are not finite it is not updated."""
        norms = self.stacks.clip(gradient_clip_val, gradient_clip_algorithm)
        losses, self._update_loss = self._update_loss, None
        assert losses is not None
        where = f"update {self.trainer.global_step}, batch {self.trainer.fit_loop.total_batch_idx}"
        allowed = self.guard.judge(losses.tolist(), norms.tolist(), where, self._reason)
        self.stacks.hand_out(allowed)

    def on_train_batch_end(self, outputs: Any, batch: Batches, batch_idx: int) -> None:
        """Keep the weights of who has stopped finite, and end where nobody goes on."""
        for stack in self.stacks.stacks:
            for member in stack.members:
                if not self.guard.going_on(member):
                    stack.restore_if_not_finite(member)
        self._end_if_alone()

    def on_train_epoch_end(self) -> None:
        """Log the mean training loss of the members that go on; each has its own in its folder."""
        if self.train_loss.update_called:  # not so when training resumes at an epoch's end
            self._tell("train/loss", _each(self.train_loss))
            self.train_loss.reset()

    def validation_step(self, batch: Batches, batch_idx: int) -> None:
        """Loss and agreement with the expert on each member's held-out episodes."""
        targeted, place_of = [self._targeted(own) for own in batch], self._data.source_of
        losses, outputs = self.stacks.outputs(targeted, place_of)
        own = [targeted[place] for place in place_of]
        weights = torch.stack([part.loss_mask.sum() for part in own])
        self.val_loss.update(self.stacks.by_member(losses), weights)
        for member, part, found in zip(self.members, own, outputs, strict=True):
            counted, agreement = part.loss_mask > 0, member.module.agreement
            if agreement is not None and bool(counted.any()):
                agreement.to(found.device).update(found[counted], part.labels[counted])

    def predictions(self, batch: Batches) -> dict[str, tuple[WindowBatch, Tensor]]:
        """Member that goes on -> its windows, and actions or logits for them."""
        place_of = self._data.source_of
        _, outputs = self.stacks.outputs([self._targeted(own) for own in batch], place_of)
        return {
            member.name: (batch[place_of[number]], outputs[number])
            for number, member in enumerate(self.members)
            if self.guard.going_on(number)
        }

    def on_validation_epoch_end(self) -> None:
        """Log them; a member whose loss is not finite stops."""
        losses = _each(self.val_loss)
        self.val_loss.reset()
        self.guard.judge_validation(losses, f"validation after update {self.trainer.global_step}")
        self._end_if_alone()
        self._tell("val/loss", losses)
        self._tell("val/agreement", [_taken(member.module.agreement) for member in self.members])
        self._remember()

    def _tell(self, name: str, values: list[float]) -> None:
        """Log the mean over the members that go on, and keep the figures of each."""
        self.figures[name] = values
        shown = [value for i, value in enumerate(values) if self.guard.going_on(i)]
        self.log(name, sum(shown) / len(shown), prog_bar=True)

    def _targeted(self, batch: WindowBatch) -> WindowBatch:
        """With labels that are indices of logits, and timespans in the task's usual step."""
        assert self.task is not None
        if start := self.task.action_start:
            batch = batch._replace(labels=batch.labels - start)
        unit = self.task.time_unit
        if batch.timespans is not None:
            batch = batch._replace(timespans=None if unit is None else batch.timespans / unit)
        return batch

    def _reason(self, member: int) -> str:
        """Why a member's numbers are not finite, as far as its batch tells."""
        data, number, fault = self._data, self.trainer.fit_loop.total_batch_idx, None
        if self._batch is not None:
            fault = fault_of(
                self._batch[data.stream_of[member]],
                lambda window, step: data.place(member, number, window, step),
            )
        diverged = "the batch itself is finite: the training has diverged, a lower lr may help"
        return f"its {fault}" if fault else diverged

    def _end_if_alone(self) -> None:
        if not any(map(self.guard.going_on, range(len(self.members)))):
            name, why = next(iter(self.guard.stopped.items()))
            raise NotFiniteError(
                f"no member is left: {name} stopped at {why}; the weights before it are kept"
            )

    def _remember(self) -> None:
        for stack in self.stacks.stacks:
            stack.remember()

    @property
    def _data(self) -> PopulationTrajectories:
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        assert isinstance(data, PopulationTrajectories)
        return data

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the description of the task, and who the members are."""
        assert self.task is not None
        checkpoint["task"] = self.task.to_dict()
        checkpoint[KEY] = {
            "declared": self.declared,
            "guard": self.guard.state_dict(),
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on with who has stopped."""
        self._no_weights = None  # they are in the checkpoint
        self.guard.load_state_dict(checkpoint[KEY]["guard"])

    def take_back(self) -> None:
        """Copy the weights of all members into policies of their own."""
        self.stacks.copy_to([member.policy for member in self.members])

    def policies(self) -> dict[str, Policy]:
        """The members that have not stopped, for the closed loop; see `Playable`."""
        self.take_back()
        return {
            member.name: member.module.policies()[POLICY]
            for number, member in enumerate(self.members)
            if self.guard.going_on(number)
        }

    def describe(self) -> dict[str, dict[str, Any]]:
        """What a summary says of each: configuration, number of parameters, seeds of its own."""
        runs = folder_of(self.trainer)
        return {
            member.name: {
                **member.module.describe()[POLICY],
                **training_facts(None if runs is None else runs / MEMBERS / member.name),
            }
            for member in self.members
        }

    def shift_context(self) -> ShiftContext | None:
        """Mean and deviation of the first member's data: one unit of noise for all."""
        self.take_back()
        return context_of(self.members[0].policy)


def _taken(metric: Any) -> float:
    """What a metric comes to; it begins anew."""
    value = float(metric.compute())
    metric.reset()
    return value


def _each(means: WeightedMeans) -> list[float]:
    """The mean of each member; of one alone too."""
    found: list[float] = means.compute().reshape(-1).tolist()
    return found
