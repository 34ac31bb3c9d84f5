"""Films of the worst and the median episode, in the run folder, the report and TensorBoard."""

from __future__ import annotations

from pathlib import Path

import lightning.pytorch as pl
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_info

from lrs_lightning.envs import why_not
from lrs_lightning.errors import ArgumentError, EnvironmentMismatchError
from lrs_lightning.files import write_whole
from lrs_lightning.report.films import Choice, choices, encoded, film, log_gif, worst_shift
from lrs_lightning.shifts import CLEAN, Condition
from lrs_lightning.statistics.result_line import Row
from lrs_lightning.statistics.results import read_results
from lrs_lightning.training.playable import playable
from lrs_lightning.training.run_folder import folder_of

_OF_GAMES = (CLEAN, "gaussian_noise@3", "occlusion@3")


class Films(pl.Callback):
    """Films episodes after `fit` and in `test`: of each condition the worst and the median.

    Episodes are chosen among those that were played there before; an episode is a function of its
    seed, so that it is played again just as it was. Where none was, that of `seed` is filmed.

    Args:
        conditions: what is filmed; an empty list for no films. By default of games the clean world,
            noise and occlusion; of MuJoCo's tasks none, or what `bodies` says.
        bodies: film MuJoCo's tasks as well: the clean world and the worst shift.
        steps: decisions of a game's film; there are 15 in a second. Bodies are shown to their end.
        seed: of the episode where none was played before.
    """

    def __init__(
        self,
        conditions: list[str] | None = None,
        steps: int = 300,
        seed: int = 10_000,
        bodies: bool = False,
    ) -> None:
        super().__init__()
        if steps < 1:
            raise ArgumentError(f"films.steps is {steps}, expected at least 1")
        self.conditions = None if conditions is None else list(map(Condition.parse, conditions))
        self.steps, self.seed, self.bodies = steps, seed, bodies

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Film the policy that training ended with."""
        if not trainer.interrupted:
            self._film_all(trainer, pl_module)

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Film the policy of the checkpoint."""
        self._film_all(trainer, pl_module)

    def _film_all(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        wanted = trainer.is_global_zero and not getattr(trainer, "fast_dev_run", False)
        _, task = playable(module)
        asked = self.conditions != [] and (task.pixels or self.bodies or bool(self.conditions))
        shown = wanted and asked and why_not(task.env) is None
        folder = folder_of(trainer) if shown else None
        if folder is None:
            return
        try:
            self._film(trainer, module, folder)
        except EnvironmentMismatchError as error:  # no pictures, or nothing that can draw
            rank_zero_info(str(error))

    def _film(self, trainer: pl.Trainer, module: pl.LightningModule, folder: Path) -> None:
        player, task = playable(module)
        file, policies = folder / "results.jsonl", player.policies()
        rows = read_results(file) if file.is_file() else []
        rows = [row for row in rows if row.get("step", trainer.global_step) == trainer.global_step]
        for name, who, condition, seed in self._episodes(list(policies), task.pixels, rows, folder):
            told = (policies[who], task.env, condition, seed, self.steps)
            content = encoded(film(*told, player.shift_context()))
            write_whole(folder / "films" / f"{name}.gif", content)
            if isinstance(trainer.logger, TensorBoardLogger):
                step = trainer.global_step
                log_gif(trainer.logger.experiment, f"films/{name}", content, step)

    def _episodes(
        self, policies: list[str], games: bool, rows: list[Row], folder: Path
    ) -> list[Choice]:
        found = []
        for who in policies:
            chosen = self.conditions
            if chosen is None:
                names = _OF_GAMES if games else (CLEAN, worst_shift(folder, who) or CLEAN)
                chosen = list(dict.fromkeys(map(Condition.parse, names)))
            found += choices(rows, who, chosen, self.seed, len(policies) > 1)
        return found
