"""Lightning's training loop, which also ends an epoch that was cut off after its last update."""

from __future__ import annotations

from typing import Any

from lightning.pytorch.loops.fit_loop import _FitLoop


class FitLoop(_FitLoop):
    """The training loop of a run that may have been cut off anywhere.

    Lightning looks at the updates alone: where the last one was made, a resumed run is over, though
    the validation of that epoch and its figures are still to come.
    """

    @property
    def done(self) -> bool:
        """Whether there is nothing left to do."""
        epoch: Any = self.epoch_progress.current
        cut_off = (
            self.restarting
            and epoch.processed < epoch.started
            and self.epoch_loop.batch_progress.is_last_batch
        )
        return not cut_off and bool(super().done)

    @classmethod
    def replace(cls, loop: _FitLoop) -> FitLoop:
        """The same loop with our rule, for `trainer.fit_loop`."""
        ours = cls(loop.trainer, loop.min_epochs, loop.max_epochs)
        ours.epoch_loop = loop.epoch_loop
        return ours
