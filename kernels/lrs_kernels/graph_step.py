"""A step of a closed loop inside a CUDA graph: one launch for everything, whatever it consists of.

At batch sizes of a closed loop a GPU spends its time on launches. A graph records them once. On
other devices the function is simply called, so that a policy can be written once.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

StepFunction = Callable[..., tuple[Tensor, ...]]

_WARM_UP = 3
"""Calls before recording: the first ones allocate, and compile kernels."""


class GraphedStep:
    """Calls `function(*inputs) -> outputs` by replaying a graph, without gradients.

    The outputs are buffers that the next call overwrites: copy what must outlive it. State that
    comes out of one call may go into the next as it is.

    Args:
        function: from tensors to a tuple of tensors; the same shapes at every call.
        example: inputs of the right shapes, dtypes and device.

    Example:
        >>> from lrs_kernels import cfc_scan
        >>> weight, h = torch.zeros(3, 4, 4), torch.zeros(2, 4)
        >>> step = GraphedStep(lambda x, h: cfc_scan(x, weight, h), torch.ones(1, 2, 12), h)
        >>> y, h = step(torch.ones(1, 2, 12), h)

    """

    def __init__(self, function: StepFunction, *example: Tensor) -> None:
        self._function = function
        self._inputs = tuple(tensor.clone() for tensor in example)
        self._graph: torch.cuda.CUDAGraph | None = None
        self._outputs: tuple[Tensor, ...] = ()
        if example and example[0].is_cuda:
            self._record(example[0].device)

    @property
    def recorded(self) -> bool:
        """Whether a graph is replayed, rather than the function called."""
        return self._graph is not None

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Run one step.

        Raises:
            ValueError: if the inputs differ from the example in number or shape.

        """
        shapes, expected = ([tuple(t.shape) for t in ts] for ts in (inputs, self._inputs))
        if shapes != expected:
            raise ValueError(
                f"inputs have shapes {shapes}, expected those of the example {expected}"
            )
        if self._graph is None:
            with torch.no_grad():
                return self._function(*inputs)
        for buffer, given in zip(self._inputs, inputs, strict=True):
            buffer.copy_(given)
        self._graph.replay()
        return self._outputs

    def _record(self, device: torch.device) -> None:
        with torch.cuda.device(device), torch.no_grad():
            beside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            beside.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(beside):
                for _ in range(_WARM_UP):
                    self._function(*self._inputs)
            torch.cuda.current_stream().wait_stream(beside)
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph):
                self._outputs = tuple(self._function(*self._inputs))
