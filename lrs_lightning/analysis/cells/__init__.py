"""The cells as equations: one step, its gates, its Jacobian in closed form."""

from lrs_lightning.analysis.cells.base import Activations, Cell, Slopes
from lrs_lightning.analysis.cells.reading import read_cells, settled

__all__ = ["Activations", "Cell", "Slopes", "read_cells", "settled"]
