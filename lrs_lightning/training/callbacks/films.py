"""Films of clean and shifted play from pixels, in the run folder and in TensorBoard."""

from __future__ import annotations

import lightning.pytorch as pl
from lightning.pytorch.loggers import TensorBoardLogger

from lrs_lightning.envs import why_not
from lrs_lightning.errors import ArgumentError
from lrs_lightning.files import write_whole
from lrs_lightning.report.films import film, gif, log_gif
from lrs_lightning.shifts import Condition
from lrs_lightning.training.playable import playable
from lrs_lightning.training.run_folder import folder_of


class Films(pl.Callback):
    """Plays a little of an episode for each condition, after `fit` and in `test`; pixels only.

    Args:
        conditions: what is filmed; an empty list for no films.
        steps: decisions of a film; there are 15 in a second.
        seed: of the episode, the same for all conditions.
    """

    def __init__(
        self,
        conditions: list[str] | None = None,
        steps: int = 300,
        seed: int = 10_000,
    ) -> None:
        super().__init__()
        if steps < 1:
            raise ArgumentError(f"films.steps is {steps}, expected at least 1")
        chosen = ["clean", "gaussian_noise@3", "occlusion@3"] if conditions is None else conditions
        self.conditions = [Condition.parse(condition) for condition in chosen]
        self.steps, self.seed = steps, seed

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Film the policy that training ended with."""
        if not trainer.interrupted:
            self._film(trainer, pl_module)

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Film the policy of the checkpoint."""
        self._film(trainer, pl_module)

    def _film(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        wanted = trainer.is_global_zero and not getattr(trainer, "fast_dev_run", False)
        player, task = playable(module)
        shown = wanted and task.pixels and why_not(task.env) is None
        folder = folder_of(trainer) if shown else None
        if folder is None:
            return
        policies = player.policies()
        for who, policy in policies.items():
            for condition in self.conditions:
                content = gif(film(policy, task.env, condition, self.seed, self.steps))
                name = str(condition).replace("@", "-")
                name = f"{who}-{name}" if len(policies) > 1 else name
                write_whole(folder / "films" / f"{name}.gif", content)
                if isinstance(trainer.logger, TensorBoardLogger):
                    tag = f"films/{name}"
                    log_gif(trainer.logger.experiment, tag, content, trainer.global_step)
