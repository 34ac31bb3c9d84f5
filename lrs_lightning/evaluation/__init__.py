"""How a policy holds up in closed loop: who plays, in which worlds, and what is written down."""

from lrs_lightning.evaluation.evaluate import EVALUATION_SEED, evaluate
from lrs_lightning.evaluation.suites import Suite, shipped_suites

__all__ = ["EVALUATION_SEED", "Suite", "evaluate", "shipped_suites"]
