"""The parameters of an LRS layer: their names and shapes, first values, and the matrices they make.

Names and shapes are those of `torch.nn.LSTM`, so that a dense layer loads torch's state dict:
`weight_ih_l0 (G H, I)`, `weight_hh_l0 (G H, H)`, `bias_ih_l0 (G H,)`, `bias_hh_l0 (G H,)`. A
low-rank layer has `weight_hh_w1_l0 (G, H, r)` and `weight_hh_w2_l0 (G, r, H)` in place of
`weight_hh_l0`, and a sparse one the buffer `mask_hh_l0 (G, H, H)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from lrs_lightning.nn import _initialise
from lrs_lightning.nn.compression import Compression
from lrs_lightning.nn.connectivity import Connectivity
from lrs_lightning.nn.core import Core
from lrs_lightning.nn.rowwise import linear

Weight = Tensor | tuple[Tensor, Tensor]
"""What a scan takes: the dense `(G, H, H)`, or W1 `(G, H, r)` and W2 `(G, r, H)`."""


class LayerParameters(Core):
    """What `LRSLayer` computes with; it says how the layer runs.

    Args:
        input_size: I.
        num_layers: layers stacked in depth.
        bias: whether there are biases.
        biases: vectors of biases for each layer, 2 as in torch.nn or 1.
        connectivity: how the recurrent matrices are wired, stored and initialised.
        compression: what evaluation mode cuts away.
        device: where the parameters live.
        dtype: their type.
    """

    def __init__(
        self,
        input_size: int,
        num_layers: int,
        bias: bool,
        biases: int,
        connectivity: Connectivity,
        compression: Compression,
        device: torch.device | str | None,
        dtype: torch.dtype | None,
    ) -> None:
        super().__init__()
        self.input_size, self.num_layers, self.bias = input_size, num_layers, bias
        self.hidden_size, self.output_size = connectivity.rows, connectivity.columns
        self.connectivity, self.compression = connectivity, compression
        self.bias_names = ("bias_ih", "bias_hh")[:biases] if bias else ()
        for layer in range(num_layers):
            self.make_parameters(layer, {"device": device, "dtype": dtype})

    def make_parameters(self, layer: int, kind: dict[str, Any]) -> None:
        """Make the parameters and the mask of one layer, without values.

        A layer with parameters of its own adds them here, and fills them in `reset_parameters`.

        Args:
            layer: its depth.
            kind: device and dtype.
        """
        wired = self.connectivity
        gates, stacked = wired.gates, wired.gates * wired.rows
        self.add_parameter(
            "weight_ih", layer, (stacked, self.output_size if layer else self.input_size), kind
        )
        if wired.factored and wired.rank is not None:
            self.add_parameter("weight_hh_w1", layer, (gates, wired.rows, wired.rank), kind)
            self.add_parameter("weight_hh_w2", layer, (gates, wired.rank, wired.columns), kind)
        else:
            self.add_parameter("weight_hh", layer, (stacked, wired.columns), kind)
        for name in self.bias_names:
            self.add_parameter(name, layer, (stacked,), kind)
        mask = torch.empty(gates, wired.rows, wired.columns, **kind) if wired.sparsity else None
        self.register_buffer(f"mask_hh_l{layer}", mask)

    def add_parameter(
        self, name: str, layer: int, shape: tuple[int, ...], kind: dict[str, Any]
    ) -> None:
        """Make the parameter `<name>_l<layer>`, without values."""
        parameter = nn.Parameter(torch.empty(shape, **kind))
        self.register_parameter(f"{name}_l{layer}", parameter)

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw all weights anew from torch's global generator, and the masks from their seed.

        Does nothing on the meta device; after `to_empty` everything has its values again.
        """
        if next(self.parameters()).is_meta:
            return
        wired = self.connectivity
        for layer in range(self.num_layers):
            _initialise.input_weight_(self.part("weight_ih", layer), wired.gates, wired.init)
            for stored, drawn in zip(self.stored_weight(layer), wired.draw_weight(), strict=True):
                stored.copy_(drawn.reshape(stored.shape))
            for name in self.bias_names:
                _initialise.bias_(self.part(name, layer), wired.gates, wired.init)
            mask, drawn_mask = self.mask(layer), wired.draw_mask(layer)
            if mask is not None and drawn_mask is not None:
                mask.copy_(drawn_mask)

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *rest: Any) -> None:
        super()._load_from_state_dict(state_dict, prefix, *rest)
        error_msgs: list[str] = rest[-1]
        for layer in range(self.num_layers):
            mask = state_dict.get(f"{prefix}mask_hh_l{layer}")
            if mask is None or mask.is_meta:
                continue
            if sentence := self.connectivity.disagrees(mask):
                error_msgs.append(f"{prefix}mask_hh_l{layer} {sentence}")

    def part(self, name: str, layer: int) -> Tensor:
        """The parameter `<name>_l<layer>`."""
        # What stands in for a parameter (torch.nn.utils.parametrize, replicas) is an attribute;
        # a parameter itself is found sooner where modules keep theirs.
        found: Tensor | None = self._parameters.get(f"{name}_l{layer}")
        replaced: Tensor = getattr(self, f"{name}_l{layer}") if found is None else found
        return replaced

    def mask(self, layer: int = 0) -> Tensor | None:
        """The fixed mask of one layer, `(G, H, H)` of 0 and 1, or None where nothing is masked."""
        name = f"mask_hh_l{layer}"
        buffers = self._buffers  # as in `part`
        found: Tensor | None = buffers[name] if name in buffers else getattr(self, name)
        return found

    def stored_weight(self, layer: int = 0) -> tuple[Tensor, ...]:
        """The recurrent parameters as stored: `(W1, W2)`, or `(weight_hh (G H, H),)`."""
        if self.connectivity.factored:
            return self.part("weight_hh_w1", layer), self.part("weight_hh_w2", layer)
        return (self.part("weight_hh", layer),)

    def recurrent_weight(self, layer: int = 0) -> Tensor:
        """The recurrent matrices as they act: `W1 W2 ⊙ M` per gate, `(G, H, H)`.

        In evaluation mode this includes `eval_rank` and `eval_sparsity`, where given.
        """
        weight, mask = self.weight_for_scan(layer)
        dense = weight if isinstance(weight, Tensor) else weight[0] @ weight[1]
        return dense if mask is None else dense * mask

    def weight_for_scan(self, layer: int) -> tuple[Weight, Tensor | None]:
        """Recurrent weight and mask in the form that `lrs_kernels` takes."""
        mask, stored = self.mask(layer), self.stored_weight(layer)
        weight: Weight
        if len(stored) == 2:
            weight = stored[0], stored[1]
        else:  # (G H, K) -> (G, H, K)
            weight = stored[0].view(self.connectivity.gates, self.hidden_size, -1)
        if self.training or not self.compression.active:
            return weight, mask
        dense = weight if isinstance(weight, Tensor) else weight[0] @ weight[1]
        return self.compression.apply(dense if mask is None else dense * mask, layer), None

    def input_part(self, layer: int) -> tuple[Tensor, Tensor | None]:
        """W_ih `(G H, I)` and all biases that stand beside it, summed, `(G H,)`."""
        weight, biases = self.part("weight_ih", layer), self.bias_names
        if not biases:
            return weight, None
        bias = self.part(biases[0], layer)
        for name in biases[1:]:
            bias = bias + self.part(name, layer)
        return weight, bias

    def project_input(self, x: Tensor, layer: int) -> Tensor:
        """`W_ih x + b` for all steps in one GEMM: `(T, B, I)` -> `(T, B, G H)`."""
        return linear(x, *self.input_part(layer))
