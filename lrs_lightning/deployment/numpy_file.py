"""A policy as an `.npz` of weights that `numpy_policy.py` runs: written, and read again."""

from __future__ import annotations

import copy
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from lrs_lightning.deployment.interface import Interface, knows_time
from lrs_lightning.deployment.numpy_pixels import picture_layers
from lrs_lightning.deployment.numpy_policy import CELLS, Policy
from lrs_lightning.deployment.plain import PlainHead, PlainVector, is_plain, plain_cells
from lrs_lightning.deployment.runner import Array, Runner, Stepped
from lrs_lightning.errors import ArgumentError
from lrs_lightning.nn import LRSLayer, PixelEncoder, RecurrentPolicy, VectorEncoder
from lrs_lightning.nn.feedforward import FeedForward


@dataclass
class Network:
    """What the module reads: arrays by name, and how they follow each other."""

    arrays: dict[str, Array] = field(default_factory=dict)
    stages: list[dict[str, Any]] = field(default_factory=list)
    layers: list[dict[str, Any]] | None = None
    """Those of pictures, before the first stage; None for vectors."""

    def add_stage(self, about: dict[str, Any], **arrays: Tensor) -> None:
        """A dense layer or a cell."""
        self.add_arrays(f"stages.{len(self.stages)}", **arrays)
        self.stages.append(about)

    def add_arrays(self, prefix: str, **arrays: Tensor) -> None:
        """Arrays under a common prefix."""
        for name, value in arrays.items():
            self.arrays[f"{prefix}.{name}"] = value.detach().cpu().numpy()

    def add_dense(self, linear: nn.Linear, frames: int = 1) -> None:
        """A dense layer, with ReLU if others follow."""
        bias = linear.weight.new_zeros(len(linear.weight)) if linear.bias is None else linear.bias
        self.add_stage({"op": "dense", "frames": frames}, weight=linear.weight, bias=bias)


def write_numpy(policy: RecurrentPolicy, interface: Interface, path: Path) -> None:
    """Write the weights.

    Raises:
        ArgumentError: the encoder or the core is none that the module knows.
    """
    policy = copy.deepcopy(policy).eval()
    network = Network()
    channels = _encoder(policy.encoder, network)
    _core(policy.core, network)
    head = PlainHead.of(policy.head)
    network.add_stage({"op": "dense", "frames": 1}, weight=head.weight, bias=head.bias)
    parts = {"reach": head.reach, "middle": head.middle}
    network.add_arrays("head", **{k: v for k, v in parts.items() if v is not None})
    about = {
        "channels": channels,
        "layers": network.layers,
        "stages": network.stages,
        "bounded": head.bounded,
        "action_start": head.start,
        "knows_time": knows_time(policy),
    }
    text = np.array(interface.to_json(network=about))
    # In memory first: where the disk is full, an archive of old cannot be closed quietly.
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **{"about": text, **network.arrays})
    path.write_bytes(content.getvalue())


def _encoder(encoder: nn.Module, network: Network) -> list[int] | None:
    """Add what comes before the core; the channels that are seen."""
    if type(encoder) is VectorEncoder:
        plain = PlainVector.of(encoder)
        if plain.mean is not None:
            network.add_arrays("see", mean=plain.mean)
        network.add_stage({"op": "dense", "frames": 1}, weight=plain.weight, bias=plain.bias)
        return None if plain.seen is None else plain.seen.tolist()
    if type(encoder) is PixelEncoder:
        network.layers = picture_layers(encoder, network.add_arrays)
        for layer in (part for part in encoder.head.children() if isinstance(part, nn.Linear)):
            network.add_dense(layer)
        return None if encoder.seen is None else encoder.seen.tolist()
    raise _unknown("encoder", encoder)


def _core(core: nn.Module, network: Network) -> None:
    if isinstance(core, LRSLayer) and is_plain(core):
        for cell in plain_cells(core):
            if cell.name not in CELLS:
                raise _unknown("core", core)
            network.add_stage(
                {"op": cell.name, "timed": cell.timed},
                weight_ih=cell.weight_ih,
                weight_hh=cell.weight_hh,
                bias=cell.bias,
                **_with_inner_bias(cell.name, cell.extras, cell.weight_hh),
            )
    elif isinstance(core, FeedForward):
        linear = [part for part in core.layers if isinstance(part, nn.Linear)]
        for depth, layer in enumerate(linear):
            network.add_dense(layer, core.frames if depth == 0 else 1)
    else:
        raise _unknown("core", core)


def _with_inner_bias(name: str, extras: dict[str, Tensor], weight_hh: Tensor) -> dict[str, Tensor]:
    """A GRU without biases has none inside its candidate either."""
    if name == "gru.standard" and not extras:
        return {"bias_n": weight_hh.new_zeros(weight_hh.shape[1])}
    return extras


def _unknown(kind: str, module: nn.Module) -> ArgumentError:
    return ArgumentError(
        f"format 'numpy' does not know the {kind} {type(module).__name__}: export as 'onnx' or "
        "'pt2'"
    )


def open_numpy(path: Path, interface: Interface) -> Runner:
    """The file in its module; any number of rows, as long as it does not change."""
    policies: dict[int, Policy] = {}

    def run(observation: Array, state: tuple[Array, ...], **options: Array) -> Stepped:
        rows = len(observation)
        policy = policies.get(rows)
        if policy is None:
            policy = policies[rows] = Policy(path, batch=rows)
        action, after = policy.step(observation, state, **options)
        return Stepped(action, after, policy.logits if interface.discrete else action)

    return run
