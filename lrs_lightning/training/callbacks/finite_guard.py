"""Numbers that are not finite end a training at once, before they reach a weight."""

from __future__ import annotations

import math
import sys
from typing import Any, Literal

import lightning.pytorch as pl
from lightning.pytorch.trainer.states import RunningStage
from torch import Tensor

from lrs_lightning.errors import ArgumentError, NotFiniteError
from lrs_lightning.training.bad_batches import reason_in_training, reason_in_validation


class FiniteGuard(pl.Callback):
    """Looks at the loss and at the norm of the gradient, which clipping needs anyway.

    An update with a loss or a gradient that is NaN or infinite is never made: no weight changes.
    The cost is one number read from the device in each update.

    Args:
        action: `stop` ends the training with a sentence; `skip` leaves the update out, counts it
            (`train/skipped_updates` in TensorBoard) and goes on with the next batch.
        limit: updates in a row that may be skipped.

    Raises:
        ArgumentError: another action, or a limit below 1.
    """

    def __init__(self, action: Literal["stop", "skip"] = "stop", limit: int = 20) -> None:
        super().__init__()
        if action not in ("stop", "skip") or limit < 1:
            raise ArgumentError(
                f"guard.action is {action!r} and guard.limit {limit}: expected stop or skip, and a "
                "limit of at least 1"
            )
        self.action, self.limit = action, limit
        self.skipped = 0
        self._in_a_row = 0
        self._loss: Tensor | None = None
        self._bad: str | None = None

    def state_dict(self) -> dict[str, int]:
        """How many updates were skipped, and how many of them just now."""
        return {"skipped": self.skipped, "in_a_row": self._in_a_row}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on counting."""
        self.skipped = int(state_dict["skipped"])
        self._in_a_row = int(state_dict.get("in_a_row", 0))  # earlier versions left it out

    def on_before_backward(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, loss: Tensor
    ) -> None:
        """Remember the loss; of several batches that make one update, their sum."""
        loss = loss.detach()
        self._loss = loss if self._loss is None else self._loss + loss

    def allows(self, norm: Tensor) -> bool:
        """Whether an update may be made; `ImitationModule` asks when it has clipped.

        Args:
            norm: of the gradient before clipping, a scalar.
        """
        loss = 0.0 if self._loss is None else self._loss.item()
        length, self._loss = norm.item(), None
        if math.isfinite(loss) and math.isfinite(length):
            self._in_a_row = 0
            return True
        self._bad = f"the loss is {loss:g} and the norm of the gradient {length:g}"
        return False

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Stop, or count.

        Raises:
            NotFiniteError: says where, what of the batch is not finite, and its place in the store.
        """
        if self._bad is None:
            return
        bad, self._bad = self._bad, None
        self.skipped += 1
        self._in_a_row += 1
        where = f"update {trainer.global_step}, batch {trainer.fit_loop.total_batch_idx}"
        sentence = f"{where}: {bad}; {reason_in_training(trainer, batch, batch_idx)}"
        if self.action == "stop" or self._in_a_row > self.limit:
            raise NotFiniteError(f"{sentence}. The weights before it are kept in last.ckpt")
        print(f"note: {sentence}. Skipped, the {self.skipped}. so far", file=sys.stderr)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Log how many were skipped, if any."""
        if self.skipped:
            pl_module.log("train/skipped_updates", float(self.skipped))

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop where the validation loss is not finite.

        Raises:
            NotFiniteError: names the batch, and what of it is not finite.
        """
        loss = trainer.callback_metrics.get("val/loss")
        validating = trainer.state.stage == RunningStage.VALIDATING
        if self.action == "skip" or not validating or loss is None or math.isfinite(float(loss)):
            return
        raise NotFiniteError(
            f"validation after update {trainer.global_step}: the loss is {float(loss):g}; "
            f"{reason_in_validation(trainer)}. The weights are kept in last.ckpt"
        )
