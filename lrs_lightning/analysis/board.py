"""The figures and the main numbers of an analysis in TensorBoard, beside those of the training."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from lrs_lightning.analysis.figures.picture import Picture
from lrs_lightning.analysis.table import Row
from lrs_lightning.report.tensorboard import Writer

PREFIX = "analysis"
_SCALARS = (
    "jacobian radius", "jacobian norm", "memory span of the state", "memory span of the action",
    "recurrent share", "variance in five", "participation ratio", "gate moved",
)  # fmt: skip


def log_analysis(
    writer: Writer, pictures: Sequence[Picture], rows: Iterable[Row], step: int
) -> None:
    """Log all figures, and the scalars that can be followed over checkpoints.

    Args:
        writer: a `SummaryWriter`, or something like it.
        pictures: the figures.
        rows: of the table.
        step: training step of the policy.
    """
    for one in pictures:
        writer.add_figure(f"{PREFIX}/{one.name}", one.figure, step)
    for row in rows:
        if row["quantity"] in _SCALARS and row["value"] is not None:
            where = "/".join(str(row[key]) for key in ("trajectory", "condition") if row[key])
            part = f"/{row['part']}" if row["part"] else ""
            tag = f"{PREFIX}/{row['quantity']}/{where}{part}"
            writer.add_scalar(_tag(tag), row["value"], step)


def write_board(
    folder: str | Path, pictures: Sequence[Picture], rows: Iterable[Row], step: int
) -> None:
    """The same in an event file of its own in `folder`, in place of an earlier one of this step.

    TensorBoard would go on showing the first figure that it finds of a step.
    """
    from torch.utils.tensorboard import SummaryWriter

    suffix = f".step{step}"
    earlier = list(Path(folder).glob(f"events.out.tfevents.*{suffix}"))
    with SummaryWriter(str(folder), filename_suffix=suffix) as writer:
        log_analysis(writer, pictures, rows, step)
    for file in earlier:
        file.unlink(missing_ok=True)


def _tag(name: str) -> str:
    """TensorBoard takes letters, digits, `/`, `.`, `-` and `_`."""
    return "".join(c if c.isalnum() or c in "/.-_" else "_" for c in name)
