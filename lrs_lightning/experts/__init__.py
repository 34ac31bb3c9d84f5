"""Expert policies: the ones that ship with the package, and how to load others."""

from lrs_lightning.experts.files import save_pixel_expert
from lrs_lightning.experts.loading import SHIPPED, Expert, load_expert, shipped_experts
from lrs_lightning.experts.mlp import MLPExpert
from lrs_lightning.experts.pixels import PixelExpert
from lrs_lightning.experts.q_network import QNetwork, build_q_network

__all__ = [
    "SHIPPED",
    "Expert",
    "MLPExpert",
    "PixelExpert",
    "QNetwork",
    "build_q_network",
    "load_expert",
    "save_pixel_expert",
    "shipped_experts",
]
