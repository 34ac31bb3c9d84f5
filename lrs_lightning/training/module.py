"""Imitation learning of a recurrent policy: windows in, actions out, error back."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor
from torchmetrics import MeanMetric, Metric, R2Score
from torchmetrics.classification import MulticlassAccuracy

from lrs_lightning.data import Task, WindowBatch
from lrs_lightning.errors import ArgumentError, EnvironmentMismatchError, LrsError
from lrs_lightning.nn import (
    PolicyConfig,
    RecurrentPolicy,
    build_policy,
    read_config,
)
from lrs_lightning.nn.counting import told_of_parameters
from lrs_lightning.rollout import Policy
from lrs_lightning.shifts import ShiftContext
from lrs_lightning.training.callbacks.finite_guard import FiniteGuard
from lrs_lightning.training.cycle import one_cycle, refuse_stretching
from lrs_lightning.training.frozen_source import filled_in, why_no_weights
from lrs_lightning.training.graph import RecordedLosses, check_recordable
from lrs_lightning.training.losses import imitation_loss
from lrs_lightning.training.means import WeightedMeans
from lrs_lightning.training.playable import as_played, context_of
from lrs_lightning.training.run_folder import POLICY
from lrs_lightning.training.unrolling import unroll_windows

_DEFAULT_POLICY = PolicyConfig()


class ImitationModule(pl.LightningModule):
    """Behaviour cloning with AdamW and one cycle of the learning rate.

    The policy is built when the data is known (`setup`), since the data says what is seen and done.
    A checkpoint carries the description of the task and needs neither data nor simulator.

    Args:
        policy: encoder and core with their options.
        lr: peak of the one-cycle learning rate.
        weight_decay: AdamW's, on weights only.
        warmup: share of the updates until the peak.
        graph: on a GPU, record the passes of an update once as a CUDA graph and replay them.
    """

    def __init__(
        self,
        policy: PolicyConfig = _DEFAULT_POLICY,
        lr: float = 3e-3,
        weight_decay: float = 1e-4,
        warmup: float = 0.3,
        graph: bool = False,
    ) -> None:
        super().__init__()
        # A checkpoint hands back plain values, so that it loads with weights_only=True.
        config = filled_in(read_config(policy) if isinstance(policy, dict) else policy)
        if not (lr > 0 and weight_decay >= 0 and 0 < warmup < 1):
            raise ArgumentError(
                f"lr is {lr}, weight_decay {weight_decay}, warmup {warmup}: expected lr > 0, "
                "weight_decay >= 0 and warmup between 0 and 1"
            )
        self.config, self.graph = config, graph
        # How it runs is no part of what is trained: a checkpoint says nothing of the graph.
        self.save_hyperparameters(
            {"policy": config.to_dict(), "lr": lr, "weight_decay": weight_decay, "warmup": warmup}
        )
        self.task: Task | None = None
        self.policy: RecurrentPolicy | None = None
        # What is not finite must be seen (`FiniteGuard`), and by default a mean leaves it out.
        self.train_loss = MeanMetric(nan_strategy="disable")
        self.val_loss = WeightedMeans()
        self.agreement: Metric | None = None
        self._recorded: RecordedLosses | None = None  # while a graph is replayed
        self._norm: Tensor | None = None  # of the last update's gradient
        self._updates = 0  # of a checkpoint that was loaded
        self._no_weights: LrsError | None = None  # why a frozen encoder could not be taken

    def build(self, task: Task) -> RecurrentPolicy:
        """Make the policy for a task, once.

        Raises:
            EnvironmentMismatchError: it was built for another task before.
        """
        if self.policy is None:
            self.task = task
            self.policy = build_policy(self.config, task.observation_space, task.action_space)
            if task.actions is None:
                self.agreement = R2Score(multioutput="uniform_average")
            else:
                self.agreement = MulticlassAccuracy(task.actions, average="micro")
        elif self.task is None or not self.task.same_spaces(task):
            raise EnvironmentMismatchError(
                f"the policy was made for {self.task} and the data is of {task}: train a new "
                "policy, or choose data of its task"
            )
        return self.policy

    def setup(self, stage: str) -> None:
        """Build the policy for the data at hand, and give it the data's mean and deviation."""
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        fresh = self.policy is None
        policy = self.build(data.task)
        if fresh:
            policy.encoder.set_statistics(*data.statistics)
            self._no_weights = why_no_weights(policy, data.task)
        if policy.encoder.frozen:
            data.learn_from_features(policy.encoder)
        if data.task.time_unit is not None and not policy.knows_time:
            rank_zero_warn(
                "steps of these demonstrations are uneven in time, and this core knows none: it "
                "takes all as alike; choose CfC, or resample the recordings"
            )

    def on_fit_start(self) -> None:
        """Refuse to train behind an encoder that could not be taken from its run.

        Raises:
            LrsError: it is not there, does not fit, or was trained anew.
        """
        if self._no_weights is not None:
            raise self._no_weights

    def on_train_start(self) -> None:
        """Refuse to go on with another number of updates than the cycle was made for.

        Raises:
            ArgumentError: that, or `graph` where updates cannot be recorded.
        """
        refuse_stretching(self)
        if self.graph:
            check_recordable("model.graph", self, bool(getattr(self._policy.core, "dropout", 0)))
            learned = [p for p in self.parameters() if p.requires_grad]
            self._recorded = RecordedLosses(lambda batches: [self._loss(*batches)], learned)

    def on_train_end(self) -> None:
        """Give the memory of the graph back."""
        self._recorded = None

    def training_step(self, batch: WindowBatch, batch_idx: int) -> Tensor:
        """Loss of a batch of windows."""
        if self._recorded is None:
            loss = self._loss(batch)
        else:
            self._recorded([batch])
            (loss,) = self._recorded.losses
        self.train_loss.update(loss.detach())
        return loss

    def backward(self, loss: Tensor, *args: Any, **kwargs: Any) -> None:
        """Differentiate; a replay has done that already."""
        if self._recorded is None:
            super().backward(loss, *args, **kwargs)
        else:
            self._recorded.hand_out()

    def _loss(self, batch: WindowBatch) -> Tensor:
        return imitation_loss(self._outputs(batch), self._targets(batch), batch.loss_mask)

    def _outputs(self, batch: WindowBatch) -> Tensor:
        return unroll_windows(self._policy, batch.observations, self.timespans(batch))

    def _targets(self, batch: WindowBatch) -> Tensor:
        """The labels; of discrete actions, which may begin anywhere, the index of the logit."""
        start = self.task.action_start if self.task is not None else 0
        return batch.labels - start if start else batch.labels

    def timespans(self, batch: WindowBatch) -> Tensor | None:
        """Those of the batch in the policy's own unit, for a core that knows time."""
        unit = None if self.task is None else self.task.time_unit
        if batch.timespans is None or unit is None or not self._policy.knows_time:
            return None
        return batch.timespans / unit

    def on_train_epoch_end(self) -> None:
        """Log the mean training loss, and of the last update how large its gradient was."""
        if self.train_loss.update_called:  # not so when training resumes at an epoch's end
            self.log("train/loss", self.train_loss.compute(), prog_bar=True)
            self.log("train/learning_rate", self._learning_rate())
            if self._norm is not None:
                self.log("train/gradient_norm", self._norm)
            self.train_loss.reset()

    def _learning_rate(self) -> float:
        """That of the next update."""
        optimizer: Any = self.optimizers()
        return float(optimizer.param_groups[0]["lr"])

    def validation_step(self, batch: WindowBatch, batch_idx: int) -> None:
        """Loss and agreement with the expert on held-out episodes."""
        outputs = self._outputs(batch)
        self.val_loss.update(
            imitation_loss(outputs, self._targets(batch), batch.loss_mask),
            weight=batch.loss_mask.sum(),
        )
        counted = batch.loss_mask > 0
        if self.agreement is not None:
            self.agreement.update(outputs[counted], self._targets(batch)[counted])

    def on_validation_epoch_end(self) -> None:
        """Log them; of a checkpoint that is judged, at the update which it is of."""
        if self.trainer.state.fn != TrainerFn.FITTING:
            self.log("step", float(self._updates))  # Lightning's name for the x axis
        self.log("val/loss", self.val_loss.compute(), prog_bar=True)
        self.val_loss.reset()
        if self.agreement is not None:
            self.log("val/agreement", self.agreement.compute(), prog_bar=True)
            self.agreement.reset()

    test_step = validation_step
    on_test_epoch_end = on_validation_epoch_end

    def predict_step(self, batch: WindowBatch, batch_idx: int) -> Tensor:
        """Actions, or logits, for a batch of windows."""
        return self._outputs(batch)

    def predictions(self, batch: WindowBatch) -> dict[str, tuple[WindowBatch, Tensor]]:
        """The policy -> its windows, and actions or logits for them, as a population tells it."""
        return {POLICY: (batch, self._outputs(batch))}

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip, and let the guards look at the norm: what one forbids is no update."""
        if getattr(self.trainer.precision_plugin, "scaler", None) is not None:
            # Half precision expects infinite gradients and leaves such updates out by itself.
            self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)
            return
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        if gradient_clip_val and gradient_clip_algorithm in (None, "norm"):
            norm = torch.nn.utils.clip_grad_norm_(parameters, gradient_clip_val)
        else:
            norm = torch.nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
            self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)
        self._norm = norm.detach()
        guards = [c for c in self.trainer.callbacks if isinstance(c, FiniteGuard)]  # type: ignore[attr-defined]
        if not all(guard.allows(norm) for guard in guards):
            for parameter in parameters:  # without a gradient the optimiser leaves it as it is
                parameter.grad = None

    def configure_optimizers(self) -> Any:
        """AdamW and one cycle; biases and other vectors do not decay."""
        matrices = [p for p in self.parameters() if p.requires_grad and p.dim() > 1]
        vectors = [p for p in self.parameters() if p.requires_grad and p.dim() <= 1]
        optimizer = torch.optim.AdamW(
            [
                {"params": matrices, "weight_decay": self.hparams["weight_decay"]},
                {"params": vectors, "weight_decay": 0.0},
            ],
            lr=self.hparams["lr"],
            fused=True,
        )
        updates = int(self.trainer.estimated_stepping_batches)
        return one_cycle(optimizer, updates, self.hparams["warmup"])

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the description of the task, and what is yet to be logged of this epoch."""
        if self.task is not None:
            checkpoint["task"] = self.task.to_dict()
        if self._norm is not None:
            checkpoint["gradient_norm"] = self._norm.item()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Build the policy before its weights arrive."""
        self._no_weights = None  # they are in the checkpoint
        self._updates = int(checkpoint.get("global_step", 0))
        if "task" in checkpoint:
            self.build(Task.from_dict(checkpoint["task"]))
        if "gradient_norm" in checkpoint:
            self._norm = torch.tensor(checkpoint["gradient_norm"])

    def policies(self) -> dict[str, Policy]:
        """The policy, for the closed loop; see `Playable`."""
        return {POLICY: as_played(self._policy, self.task)}

    def describe(self) -> dict[str, dict[str, Any]]:
        """What a summary says of the policy: its configuration and number of parameters."""
        return {POLICY: {**self.config.describe(), **told_of_parameters(self._policy)}}

    def shift_context(self) -> ShiftContext | None:
        """Mean and deviation of the training data, as the policy knows them."""
        return context_of(self._policy)

    @property
    def _policy(self) -> RecurrentPolicy:
        if self.policy is None:
            raise RuntimeError("the policy is built in setup(): run it through a Trainer")
        return self.policy
