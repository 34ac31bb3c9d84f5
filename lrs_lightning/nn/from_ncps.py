"""Import of `ncps.torch.CfC`: the same numbers, or a sentence that says why not.

ncps keeps input and recurrent weights side by side, `[W_in | W_rec]`, in ff1, ff2, time_a and
time_b; here they are apart. What has no recurrent matrix of its own (a backbone), or a second state
(mixed memory), or layers of different sizes within one step (several wiring layers) is no layer of
this kind and is refused.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lrs_lightning.errors import ArgumentError
from lrs_lightning.nn.cfc import LRSCfC

GATE_NAMES = {
    "default": ("ff1", "ff2", "time_a", "time_b"),
    "no_gate": ("ff1", "ff2", "time_a", "time_b"),
    "pure": ("ff1",),
}
"""Submodules of an ncps cell in the order of our gates, by its mode."""


def from_ncps(module: nn.Module, projection: bool = True) -> LRSCfC:
    """Make an `LRSCfC` with the weights of an ncps `CfC`, equal in output to rounding.

    Args:
        module: an `ncps.torch.CfC` without backbone (`backbone_layers=0`), or with a wiring of one
            layer (`FullyConnected`, `Random`). A wiring's zeros are in the imported weights;
            further training may fill those of the input, since input weights are dense here.
        projection: refuse a module that projects its output (`proj_size`). With False its `fc` is
            left behind; apply it to the output of the layer.

    Returns:
        A dense layer in the mode of the module, same device and type.

    Raises:
        ArgumentError: the module cannot be imported exactly; the sentence says why.

    Example:
        >>> import ncps.torch
        >>> theirs = ncps.torch.CfC(5, 8, backbone_layers=0, backbone_units=0)
        >>> ours = from_ncps(theirs)
        >>> x = torch.randn(2, 7, 5)
        >>> torch.allclose(ours(x)[0], theirs(x)[0], atol=1e-6)
        True
    """
    cell = _one_cell(module)
    _refuse_extras(module, cell, projection)
    mode = str(cell.mode)
    weights = [_effective(cell, name) for name in GATE_NAMES[mode]]
    biases = [getattr(cell, name).bias for name in GATE_NAMES[mode]]
    hidden_size = weights[0].shape[0]
    input_size = weights[0].shape[1] - hidden_size
    layer = LRSCfC(
        input_size,
        hidden_size,
        batch_first=bool(module.batch_first),
        mode=mode,
        device=weights[0].device,
        dtype=weights[0].dtype,
    )
    with torch.no_grad():
        layer.part("weight_ih", 0).copy_(torch.cat([w[:, :input_size] for w in weights]))
        layer.part("weight_hh", 0).copy_(torch.cat([w[:, input_size:] for w in weights]))
        layer.part("bias_ih", 0).copy_(torch.cat(biases))
        if mode == "pure":
            layer.part("w_tau", 0).copy_(cell.get_parameter("w_tau").squeeze(0))
            layer.part("amplitude", 0).copy_(cell.get_parameter("A").squeeze(0))
    return layer


def _one_cell(module: nn.Module) -> nn.Module:
    """The module's only cell."""
    cell = getattr(module, "rnn_cell", None)
    if not isinstance(cell, nn.Module):
        raise ArgumentError(f"{type(module).__name__} is no ncps.torch.CfC: it has no rnn_cell.")
    if not hasattr(cell, "num_layers"):
        return cell
    if cell.num_layers != 1:
        raise ArgumentError(
            f"the wiring has {cell.num_layers} layers, of {cell.layer_sizes} units, which pass on "
            "to each other within one step: import a wiring of one layer, "
            "or train several LRS layers."
        )
    inner: nn.Module = cell.get_submodule("layer_0")
    return inner


def _refuse_extras(module: nn.Module, cell: nn.Module, projection: bool) -> None:
    if not hasattr(cell, "ff1") or cell.mode not in GATE_NAMES:
        raise ArgumentError(f"rnn_cell is a {type(cell).__name__}: only CfC cells can be imported")
    if cell.backbone_layers:
        raise ArgumentError(
            f"the module has a backbone of {cell.backbone_layers} layer(s): its state passes "
            "through them, so there is no recurrent matrix to import. "
            "Train it with backbone_layers=0."
        )
    if getattr(module, "use_mixed", False):
        raise ArgumentError(
            "the module has mixed memory: an LSTM rewrites the state before each step, which no "
            "LRS layer does. Train it with mixed_memory=False."
        )
    if not module.return_sequences:
        raise ArgumentError(
            "the module returns its last output only (return_sequences=False), an LRS layer all of "
            "them: set module.return_sequences = True, import it, and take the last output."
        )
    if projection and not isinstance(module.fc, nn.Identity):
        raise ArgumentError(
            "the module projects its output by fc: call from_ncps(module, projection=False) and "
            "apply module.fc to the layer's output."
        )


def _effective(cell: nn.Module, name: str) -> Tensor:
    """A gate's weight `(H, I + H)` as the cell uses it: ncps masks ff1 and ff2 alone."""
    weight: Tensor = cell.get_submodule(name).get_parameter("weight")
    mask = cell.sparsity_mask
    if mask is None or name.startswith("time"):
        return weight
    assert isinstance(mask, Tensor)
    return weight * mask
