"""Low-rank sparse layers, encoders and heads, and the policy made of them."""

from lrs_lightning.nn import controls, cores, encoders
from lrs_lightning.nn.build import build_policy
from lrs_lightning.nn.cfc import LRSCfC
from lrs_lightning.nn.config import PolicyConfig
from lrs_lightning.nn.connectivity import Connectivity
from lrs_lightning.nn.core import CORES, Core, CoreOptions, register_core
from lrs_lightning.nn.counting import ParameterCount, count_parameters, matched_hidden_size
from lrs_lightning.nn.encoders import (
    ENCODERS,
    Encoder,
    EncoderOptions,
    PixelEncoder,
    VectorEncoder,
    pixel_encoder,
    register_encoder,
)
from lrs_lightning.nn.export import export_layer, export_program
from lrs_lightning.nn.feedforward import FeedForward, FrameStack
from lrs_lightning.nn.flat_config import read_config
from lrs_lightning.nn.from_ncps import from_ncps
from lrs_lightning.nn.gru import LRSGRU
from lrs_lightning.nn.heads import BoxHead, DiscreteHead, make_head
from lrs_lightning.nn.lstm import LRSLSTM
from lrs_lightning.nn.ncps_cfc import NcpsCfC
from lrs_lightning.nn.policy import RecurrentPolicy
from lrs_lightning.nn.posthoc import freeze_gate, prune_layer, truncate_layer
from lrs_lightning.nn.recurrent import LRSLayer
from lrs_lightning.nn.recurrent_core import CONTROLS, Control, RecurrentOptions, register_control
from lrs_lightning.nn.rnn import LRSRNN
from lrs_lightning.nn.theory import (
    jacobian_radius,
    singular_values,
    spectral_norm,
    spectral_radius,
)

__all__ = [
    "CONTROLS",
    "CORES",
    "ENCODERS",
    "LRSGRU",
    "LRSLSTM",
    "LRSRNN",
    "BoxHead",
    "Connectivity",
    "Control",
    "Core",
    "CoreOptions",
    "DiscreteHead",
    "Encoder",
    "EncoderOptions",
    "FeedForward",
    "FrameStack",
    "LRSCfC",
    "LRSLayer",
    "NcpsCfC",
    "ParameterCount",
    "PixelEncoder",
    "PolicyConfig",
    "RecurrentOptions",
    "RecurrentPolicy",
    "VectorEncoder",
    "build_policy",
    "controls",
    "cores",
    "count_parameters",
    "encoders",
    "export_layer",
    "export_program",
    "freeze_gate",
    "from_ncps",
    "jacobian_radius",
    "make_head",
    "matched_hidden_size",
    "pixel_encoder",
    "prune_layer",
    "read_config",
    "register_control",
    "register_core",
    "register_encoder",
    "singular_values",
    "spectral_norm",
    "spectral_radius",
    "truncate_layer",
]
