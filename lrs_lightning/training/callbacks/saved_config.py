"""`config.yaml` of a run: whole, or as it was before."""

from __future__ import annotations

import lightning.pytorch as pl
from lightning.pytorch.cli import SaveConfigCallback

from lrs_lightning.files import write_whole
from lrs_lightning.training.run_folder import folder_of


class SavedConfig(SaveConfigCallback):
    """Writes the configuration into the run folder, in place of Lightning's way.

    That empties the file before it fills it: a run that goes on while the disk is full would lose
    the one it began with.
    """

    def save_config(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Write it; of several processes the first one does. Whoever judges a run leaves it alone.

        Raises:
            DataError: it cannot be written; what was there before is as it was.
        """
        if folder := folder_of(trainer):
            if stage != "fit" and (folder / self.config_filename).exists():
                return
            text = self.parser.dump(self.config, skip_none=False)
            write_whole(folder / self.config_filename, text)
