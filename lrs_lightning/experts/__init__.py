"""Expert policies: the ones that ship with the package, and how to load others."""

from lrs_lightning.experts.loading import SHIPPED, load_expert, shipped_experts
from lrs_lightning.experts.mlp import MLPExpert

__all__ = ["SHIPPED", "MLPExpert", "load_expert", "shipped_experts"]
