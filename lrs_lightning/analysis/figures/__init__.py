"""The figures: each has a name and a caption that says what is seen; scales are shared."""

from lrs_lightning.analysis.figures.drives import drives
from lrs_lightning.analysis.figures.gates import gates
from lrs_lightning.analysis.figures.jacobians import jacobians, lyapunov
from lrs_lightning.analysis.figures.matrices import matrices
from lrs_lightning.analysis.figures.memory import memory, responses
from lrs_lightning.analysis.figures.picture import Picture
from lrs_lightning.analysis.figures.plane import decay, plane

__all__ = [
    "Picture",
    "decay",
    "drives",
    "gates",
    "jacobians",
    "lyapunov",
    "matrices",
    "memory",
    "plane",
    "responses",
]
