"""See why a policy holds up: Jacobians, memory, gates, trajectories, and what they are good for."""

from lrs_lightning.analysis.correlations import Correlation, spearman
from lrs_lightning.analysis.counterfactual import CleanGatePolicy, with_clean_gates
from lrs_lightning.analysis.dimensions import Dimensions, dimensions
from lrs_lightning.analysis.dynamics import Dynamics, DynamicsOptions, dynamics
from lrs_lightning.analysis.lyapunov import LyapunovSpectrum
from lrs_lightning.analysis.memory import memory_curves, span
from lrs_lightning.analysis.recurrence import Recurrence, Replay
from lrs_lightning.analysis.response import response
from lrs_lightning.analysis.run import Analysis, analyse
from lrs_lightning.analysis.scene import Scene, measure_scene
from lrs_lightning.analysis.subject import Subject
from lrs_lightning.analysis.trajectories import Trajectories, common, play, reread
from lrs_lightning.analysis.weights import compare_matrices, recurrent_matrices

__all__ = [
    "Analysis",
    "CleanGatePolicy",
    "Correlation",
    "Dimensions",
    "Dynamics",
    "DynamicsOptions",
    "LyapunovSpectrum",
    "Recurrence",
    "Replay",
    "Scene",
    "Subject",
    "Trajectories",
    "analyse",
    "common",
    "compare_matrices",
    "dimensions",
    "dynamics",
    "measure_scene",
    "memory_curves",
    "play",
    "recurrent_matrices",
    "reread",
    "response",
    "span",
    "spearman",
    "with_clean_gates",
]
