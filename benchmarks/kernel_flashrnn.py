"""The Triton LSTM of the package flashrnn (NX-AI): a peer where it is installed beside a GPU."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

import torch
from torch import Tensor, nn

GATES = 4


def why_not(device: str) -> str | None:
    """What keeps flashrnn from running on `device`, or None."""
    if device != "cuda":
        return "it needs a CUDA GPU"
    if importlib.util.find_spec("flashrnn") is None:
        return "it is not installed (pip install flashrnn)"
    try:
        importlib.import_module("flashrnn")
    except Exception as error:  # whatever a foreign package raises while it looks for a compiler
        return f"it cannot be imported ({error})"
    return None


def failure(layer: nn.Module, x: Tensor) -> str | None:
    """The message of the error with which `layer` leaves a training step at x, or None."""
    try:
        layer(x).sum().backward()
    except Exception as error:  # a size that it does not fit must not end the run of all others
        return f"{type(error).__name__}: {str(error)[:200]}"
    return None


class FlashLSTM(nn.Module):
    """Input projection and flashrnn's scan with one head, in bfloat16.

    Args:
        inputs: input size I.
        hidden: hidden size H, a power of two.
        backend: of flashrnn.

    """

    def __init__(self, inputs: int, hidden: int, backend: str = "triton_fused") -> None:
        super().__init__()
        self.scan: Any = importlib.import_module("flashrnn").flashrnn
        self.backend = backend
        self.input_weight = nn.Parameter(torch.randn(GATES * hidden, inputs) / inputs**0.5)
        self.weight = nn.Parameter(torch.randn(GATES, 1, hidden, hidden) / hidden**0.5)
        self.bias = nn.Parameter(torch.zeros(GATES, 1, hidden))

    def forward(self, x: Tensor) -> Tensor:
        """`(T, B, I)` to `(T, B, H)`."""
        x_proj = nn.functional.linear(x, self.input_weight)
        gates = x_proj.view(*x.shape[:2], GATES, 1, -1).transpose(0, 1)  # (B, T, G, heads, H)
        # It casts by itself only under autocast.
        arguments = (part.bfloat16() for part in (gates.contiguous(), self.weight, self.bias))
        states, _ = self.scan(*arguments, function="lstm", backend=self.backend, dtype="bfloat16")
        y: Tensor = states[0, :, :, 0].transpose(0, 1).to(x.dtype)  # states (2, B, T, heads, H)
        return y
