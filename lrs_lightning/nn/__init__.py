"""Low-rank sparse layers, encoders and heads, and the policy made of them."""

from lrs_lightning.nn.build import LAYERS, build_policy
from lrs_lightning.nn.cfc import LRSCfC
from lrs_lightning.nn.config import CELLS, CONTROLS, PolicyConfig
from lrs_lightning.nn.connectivity import Connectivity
from lrs_lightning.nn.counting import ParameterCount, count_parameters, matched_hidden_size
from lrs_lightning.nn.encoders import ENCODERS, Encoder, VectorEncoder
from lrs_lightning.nn.encoders_pixels import PIXEL_ENCODERS, PixelEncoder, pixel_encoder
from lrs_lightning.nn.feedforward import FrameStack, Memoryless
from lrs_lightning.nn.from_ncps import from_ncps
from lrs_lightning.nn.gru import LRSGRU
from lrs_lightning.nn.heads import BoxHead, DiscreteHead, make_head
from lrs_lightning.nn.lstm import LRSLSTM
from lrs_lightning.nn.policy import RecurrentPolicy
from lrs_lightning.nn.posthoc import freeze_gate, prune_layer, truncate_layer
from lrs_lightning.nn.recurrent import LRSLayer
from lrs_lightning.nn.rnn import LRSRNN
from lrs_lightning.nn.theory import jacobian_radius, spectral_norm, spectral_radius

__all__ = [
    "CELLS",
    "CONTROLS",
    "ENCODERS",
    "LAYERS",
    "LRSGRU",
    "LRSLSTM",
    "LRSRNN",
    "PIXEL_ENCODERS",
    "BoxHead",
    "Connectivity",
    "DiscreteHead",
    "Encoder",
    "FrameStack",
    "LRSCfC",
    "LRSLayer",
    "Memoryless",
    "ParameterCount",
    "PixelEncoder",
    "PolicyConfig",
    "RecurrentPolicy",
    "VectorEncoder",
    "build_policy",
    "count_parameters",
    "freeze_gate",
    "from_ncps",
    "jacobian_radius",
    "make_head",
    "matched_hidden_size",
    "pixel_encoder",
    "prune_layer",
    "spectral_norm",
    "spectral_radius",
    "truncate_layer",
]
