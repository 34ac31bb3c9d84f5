"""Import of `ncps.torch.CfC`: the same numbers, whatever it is made of.

ncps keeps input and recurrent weights side by side, `[W_in | W_rec]`, in ff1, ff2, time_a and
time_b, or in the first layer of a backbone; here they are apart.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from lrs_lightning.errors import ArgumentError
from lrs_lightning.nn.backbone import BackboneCfC, FixedMask, MixedMemory, activation_of
from lrs_lightning.nn.cfc import LRSCfC
from lrs_lightning.nn.ncps_cfc import NcpsCfC

GATE_NAMES = {
    "default": ("ff1", "ff2", "time_a", "time_b"),
    "no_gate": ("ff1", "ff2", "time_a", "time_b"),
    "pure": ("ff1",),
}
"""Submodules of an ncps cell in the order of our gates, by its mode."""


@torch.no_grad()
def from_ncps(module: nn.Module, projection: bool = True) -> LRSCfC | NcpsCfC:
    """Make a layer with the weights of an ncps `CfC`, equal in outputs and gradients to rounding.

    Args:
        module: an `ncps.torch.CfC` of any kind: dense, with a backbone, wired, with mixed memory,
            with `proj_size`, with or without `return_sequences`. A wiring's zeros stay zeros in
            training.
        projection: whether `proj_size` comes along. With False the module's `fc` is left behind.

    Returns:
        One cell without more is a dense `LRSCfC` in the mode of the module, anything else an
        `NcpsCfC`; same device, type and mode of training. States are `(1, B, units)`.

    Raises:
        ArgumentError: the module is no CfC of ncps.

    Example:
        >>> import ncps.torch
        >>> theirs = ncps.torch.CfC(5, 8, mixed_memory=True, proj_size=2)
        >>> ours = from_ncps(theirs)
        >>> x = torch.randn(2, 7, 5)
        >>> torch.allclose(ours(x)[0], theirs(x)[0], atol=1e-6)
        True
    """
    cells, batch_first = _cells(module), bool(module.batch_first)
    memory = _memory(module.get_submodule("lstm")) if module.use_mixed else None
    projects = projection and not isinstance(module.fc, nn.Identity)
    head = copy.deepcopy(module.get_submodule("fc")) if projects else nn.Identity()
    if cells[0].backbone_layers:
        backbone = _backbone(cells[0])
        made = NcpsCfC([backbone], memory, head, batch_first, bool(module.return_sequences))
        return made.train(module.training)
    stages = [_layer(cell, batch_first) for cell in cells]
    if len(stages) == 1 and memory is None and not projects and module.return_sequences:
        return stages[0].train(module.training)
    whole = NcpsCfC(stages, memory, head, batch_first, bool(module.return_sequences))
    return whole.train(module.training)


def _cells(module: nn.Module) -> list[nn.Module]:
    """The module's cells in the order in which they run within a step."""
    cell = getattr(module, "rnn_cell", None)
    if not isinstance(cell, nn.Module):
        raise ArgumentError(f"{type(module).__name__} is no ncps.torch.CfC: it has no rnn_cell.")
    # A wiring has its cells as submodules, in their order.
    cells = list(cell.children()) if hasattr(cell, "num_layers") else [cell]
    for one in cells:
        if not hasattr(one, "ff1") or one.mode not in GATE_NAMES:
            raise ArgumentError(
                f"rnn_cell is a {type(one).__name__}: only CfC cells can be imported."
            )
    return cells


def _layer(cell: nn.Module, batch_first: bool) -> LRSCfC:
    """A cell without backbone."""
    names, first = GATE_NAMES[str(cell.mode)], cell.get_submodule("ff1").get_parameter("weight")
    hidden_size = first.shape[0]
    inputs = first.shape[1] - hidden_size
    layer = LRSCfC(
        inputs,
        hidden_size,
        batch_first=batch_first,
        mode=str(cell.mode),
        device=first.device,
        dtype=first.dtype,
    )
    weight, bias = _joined(cell, names)
    layer.part("weight_ih", 0).copy_(weight[:, :inputs])
    layer.part("weight_hh", 0).copy_(weight[:, inputs:])
    layer.part("bias_ih", 0).copy_(bias)
    if cell.mode == "pure":
        layer.part("w_tau", 0).copy_(cell.get_parameter("w_tau").squeeze(0))
        layer.part("amplitude", 0).copy_(cell.get_parameter("A").squeeze(0))
    mask = _input_mask(cell, names, inputs)
    if mask is not None:
        parametrize.register_parametrization(layer, "weight_ih_l0", FixedMask(mask))
    return layer


def _joined(cell: nn.Module, names: tuple[str, ...]) -> tuple[Tensor, Tensor]:
    """Weights and biases of all gates, one below the other."""
    gates = [cell.get_submodule(name) for name in names]
    weights = torch.cat([gate.get_parameter("weight") for gate in gates])
    return weights, torch.cat([gate.get_parameter("bias") for gate in gates])


def _input_mask(cell: nn.Module, names: tuple[str, ...], inputs: int) -> Tensor | None:
    """1 where an input is connected, `(G H, I)`; None where all are. ncps masks ff1 and ff2 alone.

    Its mask has columns for the state too, which are all 1.
    """
    mask = cell.sparsity_mask
    if not isinstance(mask, Tensor) or bool(mask[:, :inputs].all()):
        return None
    seen = mask[:, :inputs].detach()
    return torch.cat([torch.ones_like(seen) if "time" in name else seen for name in names])


def _backbone(cell: nn.Module) -> BackboneCfC:
    """A cell with a backbone."""
    first, activation, *others = cell.get_submodule("backbone").children()
    weight = first.get_parameter("weight")
    hidden_size = int(cell.ff1.out_features)  # type: ignore[union-attr, arg-type]
    inputs, units = weight.shape[1] - hidden_size, weight.shape[0]
    deeper = [
        copy.deepcopy(part) if isinstance(part, nn.Linear | nn.Dropout) else activation_of(part)
        for part in others
    ]
    activation, mode = activation_of(activation), str(cell.mode)
    made = BackboneCfC(inputs, hidden_size, units, mode, activation, nn.Sequential(*deeper))
    made.to(weight.device, weight.dtype)
    made.input_part.weight.copy_(weight[:, :inputs])
    made.state_part.weight.copy_(weight[:, inputs:])
    made.input_part.bias.copy_(first.get_parameter("bias"))
    gates, bias = _joined(cell, GATE_NAMES[mode])
    made.gates.weight.copy_(gates)
    made.gates.bias.copy_(bias)
    if mode == "pure":
        made.w_tau.copy_(cell.get_parameter("w_tau").squeeze(0))
        made.amplitude.copy_(cell.get_parameter("A").squeeze(0))
    return made


def _memory(lstm: nn.Module) -> MixedMemory:
    """The LSTM of a mixed memory."""
    weight = lstm.get_submodule("input_map").get_parameter("weight")
    memory = MixedMemory(weight.shape[1], weight.shape[0] // 4).to(weight.device, weight.dtype)
    memory.load_state_dict(lstm.state_dict())
    return memory
