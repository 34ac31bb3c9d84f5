"""The layers need torch and NumPy alone."""

from __future__ import annotations

import subprocess
import sys

ALONE = """
import sys
for name in (
    "gymnasium docstring_parser h5py imageio jsonargparse lightning matplotlib msgspec mujoco PIL "
    "pytorch_lightning rich safetensors tensorboard torchmetrics yaml onnxscript ncps triton"
).split():
    sys.modules[name] = None  # to import it raises
import torch
from lrs_lightning.nn import LRSGRU, LRSLSTM, LRSRNN, LRSCfC, count_parameters, export_program
for layer_class in (LRSGRU, LRSLSTM, LRSRNN, LRSCfC):
    layer = layer_class(5, 8, rank=2, sparsity=0.5)
    y, _ = layer(torch.randn(7, 3, 5), lengths=[7, 1, 2])
    y.sum().backward()
    assert count_parameters(layer).total
export_program(LRSGRU(5, 8), step=True)
"""


def test_the_layers_run_without_any_other_dependency():
    done = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
