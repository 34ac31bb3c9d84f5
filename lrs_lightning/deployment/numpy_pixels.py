"""The convolutions of our encoders as plain layers, for the module that runs them with NumPy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from lrs_lightning.errors import ArgumentError
from lrs_lightning.nn import PixelEncoder
from lrs_lightning.nn.encoders.pixels import Residual

AddArrays = Callable[..., None]
Layers = list[dict[str, Any]]


def picture_layers(encoder: PixelEncoder, add_arrays: AddArrays) -> Layers:
    """What comes before the first dense layer, in order.

    Args:
        encoder: in evaluation mode.
        add_arrays: takes the prefix of a layer, and its arrays by name.

    Raises:
        ArgumentError: it has a layer that the module does not know.
    """
    numbers = iter(range(1 << 30))
    layers = _layers(encoder.convolutions.children(), numbers, add_arrays)
    head = list(encoder.head.children())
    dense = [isinstance(part, nn.Linear) for part in head]
    before = head[: dense.index(True)] if any(dense) else head
    after = [part for part in head[len(before) :] if not isinstance(part, nn.Linear)]
    for part in after:
        if not isinstance(part, nn.ReLU):
            raise _unknown(part)
    return layers + _layers(before, numbers, add_arrays)


def _layers(modules: Iterable[nn.Module], numbers: Iterator[int], add_arrays: AddArrays) -> Layers:
    found: Layers = []
    parts = list(modules)
    for place, part in enumerate(parts):
        if isinstance(part, nn.Conv2d):
            following = parts[place + 1] if place + 1 < len(parts) else None
            found.append(_convolution(part, following, f"see.{next(numbers)}", add_arrays))
        elif isinstance(part, nn.MaxPool2d):
            found.append({"op": "maxpool", "window": _window(part)})
        elif isinstance(part, Residual):
            inner = _layers(part.block.children(), numbers, add_arrays)
            found.append({"op": "residual", "layers": inner})
        elif isinstance(part, nn.AdaptiveAvgPool2d):
            found.append({"op": "average"})
        elif isinstance(part, nn.ReLU):
            found.append({"op": "relu"})
        elif not isinstance(part, nn.Flatten) and not _is_folded(part, parts[place - 1]):
            raise _unknown(part)
    return found


def _is_folded(part: nn.Module, before: nn.Module) -> bool:
    return isinstance(part, nn.BatchNorm2d) and isinstance(before, nn.Conv2d)


def _convolution(
    part: nn.Conv2d, following: nn.Module | None, name: str, add_arrays: AddArrays
) -> dict[str, Any]:
    """A convolution, with the batch norm after it in its weights."""
    assert part.bias is not None and part.groups == 1 and part.dilation == (1, 1)
    weight, bias = part.weight.detach(), part.bias.detach()
    if isinstance(following, nn.BatchNorm2d):
        weight, bias = _normalised(weight.double(), bias.double(), following)
    add_arrays(name, weight=weight.float(), bias=bias.float())
    return {"op": "convolution", "name": name.removeprefix("see."), "window": _window(part)}


def _normalised(weight: Tensor, bias: Tensor, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    assert norm.running_mean is not None and norm.running_var is not None
    scale = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
    shifted = (bias - norm.running_mean.double()) * scale + norm.bias.double()
    return weight * scale[:, None, None, None], shifted


def _window(part: Any) -> list[int]:
    """Kernel, stride and padding; all are squares."""
    return [int(v[0] if isinstance(v, tuple) else v) for v in _sizes(part)]


def _sizes(part: Any) -> tuple[Any, Any, Any]:
    return part.kernel_size, part.stride, part.padding


def _unknown(part: nn.Module) -> ArgumentError:
    return ArgumentError(
        f"format 'numpy' does not know the layer {type(part).__name__} of the encoder: export as "
        "'onnx' or 'pt2'"
    )
