"""How Lightning writes and reads checkpoints here: through our one door, nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lightning.fabric.plugins.io.checkpoint_io import CheckpointIO

from lrs_lightning.checkpoints import check_finite, local_path, write_checkpoint
from lrs_lightning.training.checkpoint_files import LAST, PREVIOUS, load_checkpoint


class SealedCheckpointIO(CheckpointIO):
    """Whole files with a SHA-256; never code, never weights that are not finite.

    Lightning's own goes through TMPDIR, which may be another disk, writes no byte through to the
    disk, and reads addresses of the network with pickle.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """Write one; of `last.ckpt` the file before it is kept as `previous.ckpt`.

        Raises:
            NotFiniteError: a weight is NaN or infinite.
            DataError: it cannot be written; what was there before is as it was.
        """
        path = local_path(path)
        check_finite(checkpoint.get("state_dict", {}), str(path))
        write_checkpoint(checkpoint, path, path.with_name(PREVIOUS) if path.name == LAST else None)

    def load_checkpoint(
        self, path: str | Path, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Read one to the CPU; whatever is asked for, it is read with `weights_only=True`."""
        return load_checkpoint(path)[0]

    def remove_checkpoint(self, path: str | Path) -> None:
        """Delete one."""
        local_path(path).unlink(missing_ok=True)
