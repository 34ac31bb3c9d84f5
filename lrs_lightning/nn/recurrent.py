"""What the four LRS layers share: parameters, layers stacked in depth, and the shapes of torch.nn.

A leaf class says how many gates it has and which scan runs over time; everything else is here.
Names and shapes of the parameters are those of `torch.nn.LSTM`, so that a dense layer loads torch's
state dict: `weight_ih_l0 (G H, I)`, `weight_hh_l0 (G H, H)`, `bias_ih_l0 (G H,)`, `bias_hh_l0 (G
H,)`. A low-rank layer has `weight_hh_w1_l0 (G, H, r)` and `weight_hh_w2_l0 (G, r, H)` in place of
`weight_hh_l0`, and a sparse one the buffer `mask_hh_l0 (G, H, H)`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import PackedSequence

from lrs_lightning.errors import ArgumentError
from lrs_lightning.nn import _checks, _initialise, _sequences
from lrs_lightning.nn._arguments import Frame, arrange, restore
from lrs_lightning.nn._sequences import State
from lrs_lightning.nn.compression import Compression
from lrs_lightning.nn.connectivity import Connectivity
from lrs_lightning.nn.core import Core

Weight = Tensor | tuple[Tensor, Tensor]
"""What a scan takes: the dense `(G, H, H)`, or W1 `(G, H, r)` and W2 `(G, r, H)`."""


class LRSLayer(Core):
    """Base of `LRSCfC`, `LRSLSTM`, `LRSGRU` and `LRSRNN`.

    Args:
        input_size: I.
        hidden_size: H.
        num_layers: layers stacked in depth.
        bias: whether the layers have biases.
        batch_first: input and output are `(B, T, ...)`, not `(T, B, ...)`; states stay as they are.
        dropout: probability of dropping outputs between layers, in training.
        bidirectional: refused; it stands here for the order of torch.nn's arguments.
        proj_size: size of the projected hidden state, LSTM only; 0 for none.
        device: where the parameters live.
        dtype: their type.
        rank: rank r of every recurrent matrix, 1 to H; None for a dense one.
        sparsity: fraction s of zeros in the fixed masks, in [0, 1).
        init: recurrent matrix at the start: `"orthogonal"`, `"glorot"` or `"uniform"`.
        mask_seed: seed of the masks alone.
        share_mask: the same mask for all gates of a layer.
        factor_full_rank: keep two factors even where the rank is full.
        recurrent_scale: factor on the initial recurrent matrices.
        eval_rank: cut the trained matrices to this rank in evaluation mode.
        eval_sparsity: prune this fraction of their smallest entries in evaluation mode.

    Raises:
        ArgumentError: a value that cannot be used; the sentence names the argument.
    """

    gates: int = 1
    states: int = 1
    biases: int = 2
    projects: bool = False
    knows_time: bool = False

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        rank: int | None = None,
        sparsity: float = 0.0,
        init: str = "orthogonal",
        mask_seed: int = 0,
        share_mask: bool = False,
        factor_full_rank: bool = False,
        recurrent_scale: float = 1.0,
        eval_rank: int | None = None,
        eval_sparsity: float = 0.0,
    ) -> None:
        super().__init__()
        for name, size in (
            ("input_size", input_size),
            ("hidden_size", hidden_size),
            ("num_layers", num_layers),
        ):
            _checks.positive(name, size)
        if bidirectional:
            raise ArgumentError(
                "bidirectional is True, but an LRS layer runs forward in time only: a policy "
                "cannot see the future. Use two layers and flip the input of one."
            )
        _checks.probability("dropout", dropout)
        self._check_projection(proj_size, hidden_size)
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout = bias, batch_first, float(dropout)
        self.bidirectional, self.proj_size = False, proj_size
        self.output_size = proj_size or hidden_size
        self.connectivity = Connectivity(
            rows=hidden_size,
            columns=self.output_size,
            gates=self.gates,
            rank=rank,
            sparsity=sparsity,
            init=init,
            mask_seed=mask_seed,
            share_mask=share_mask,
            factor_full_rank=factor_full_rank,
            scale=recurrent_scale,
        )
        self.compression = Compression(eval_rank, eval_sparsity, limit=self.output_size)
        for layer in range(num_layers):
            self._register(layer, {"device": device, "dtype": dtype})
        self.reset_parameters()

    def _check_projection(self, proj_size: int, hidden_size: int) -> None:
        if proj_size and not self.projects:
            raise ArgumentError(
                f"proj_size is {proj_size!r}, but {type(self).__name__} has no projection: leave "
                "it at 0, or use LRSLSTM."
            )
        if isinstance(proj_size, bool) or not 0 <= proj_size < hidden_size:
            raise ArgumentError(
                f"proj_size is {proj_size!r}: give 0 for none, or a number below "
                f"hidden_size = {hidden_size}."
            )

    def _register(self, layer: int, kind: dict[str, Any]) -> None:
        """Make the parameters and the mask of one layer, without values."""
        wiring, stacked = self.connectivity, self.gates * self.hidden_size

        def add(name: str, *shape: int) -> None:
            parameter = nn.Parameter(torch.empty(*shape, **kind))
            self.register_parameter(f"{name}_l{layer}", parameter)

        add("weight_ih", stacked, self.output_size if layer else self.input_size)
        if wiring.factored and wiring.rank is not None:
            add("weight_hh_w1", self.gates, wiring.rows, wiring.rank)
            add("weight_hh_w2", self.gates, wiring.rank, wiring.columns)
        else:
            add("weight_hh", stacked, wiring.columns)
        if self.bias:
            for name in ("bias_ih", "bias_hh")[: self.biases]:
                add(name, stacked)
        mask = wiring.draw_mask(layer)
        if mask is not None:
            mask = mask.to(kind["device"], kind["dtype"] or torch.get_default_dtype())
        self.register_buffer(f"mask_hh_l{layer}", mask)

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw all weights anew from torch's global generator; masks stay."""
        if next(self.parameters()).is_meta:
            return
        wiring = self.connectivity
        for layer in range(self.num_layers):
            _initialise.input_weight_(self.part("weight_ih", layer), self.gates, wiring.init)
            for stored, drawn in zip(self.stored_weight(layer), wiring.draw_weight(), strict=True):
                stored.copy_(drawn.reshape(stored.shape))
            if self.bias:
                for name in ("bias_ih", "bias_hh")[: self.biases]:
                    _initialise.bias_(self.part(name, layer), self.gates, wiring.init)

    def part(self, name: str, layer: int) -> Tensor:
        """The parameter `<name>_l<layer>`."""
        found: Tensor = getattr(self, f"{name}_l{layer}")
        return found

    def mask(self, layer: int = 0) -> Tensor | None:
        """The fixed mask of one layer, `(G, H, H)` of 0 and 1, or None where nothing is masked."""
        found: Tensor | None = getattr(self, f"mask_hh_l{layer}")
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
        if self.training or not self.compression.active:
            return self._trained_weight(layer)
        return self.compression.apply(lambda: self._trained_weight(layer), self._watched(layer))

    def _trained_weight(self, layer: int) -> Tensor:
        weight, mask = self._stored_for_scan(layer)
        dense = weight if isinstance(weight, Tensor) else weight[0] @ weight[1]
        return dense if mask is None else dense * mask

    def _watched(self, layer: int) -> tuple[Tensor, ...]:
        mask = self.mask(layer)
        return self.stored_weight(layer) + (() if mask is None else (mask,))

    def _stored_for_scan(self, layer: int) -> tuple[Weight, Tensor | None]:
        stored = self.stored_weight(layer)
        mask = self.mask(layer)
        if len(stored) == 2:
            return (stored[0], stored[1]), mask
        # (G H, K) -> (G, H, K)
        return stored[0].view(self.gates, self.hidden_size, -1), mask

    def weight_for_scan(self, layer: int) -> tuple[Weight, Tensor | None]:
        """Recurrent weight and mask in the form that `lrs_kernels` takes."""
        if self.training or not self.compression.active:
            return self._stored_for_scan(layer)
        return self.recurrent_weight(layer), None

    def project_input(self, x: Tensor, layer: int) -> Tensor:
        """`W_ih x + b` for all steps in one GEMM: `(T, B, I)` -> `(T, B, G H)`."""
        bias: Tensor | None = None
        if self.bias:
            bias = self.part("bias_ih", layer)
            if self.biases == 2:
                bias = bias + self.part("bias_hh", layer)
        return functional.linear(x, self.part("weight_ih", layer), bias)

    def scan(
        self,
        x: Tensor,
        state: tuple[Tensor, ...],
        timespans: Tensor | None,
        resets: Tensor | None,
        layer: int,
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """One layer over time, `(T, B, I)` -> `(T, B, H)` and its final state, each `(B, H)`."""
        raise NotImplementedError

    def run(
        self,
        x: Tensor,
        state: tuple[Tensor, ...],
        timespans: Tensor | None,
        resets: Tensor | None,
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """All layers over time: `(T, B, I)`, states `(L, B, H)` -> `(T, B, H)`, states."""
        finals: list[tuple[Tensor, ...]] = []
        for layer in range(self.num_layers):
            if layer and self.dropout and self.training:
                x = functional.dropout(x, self.dropout)
            before = tuple(part[layer] for part in state)
            x, after = self.scan(x, before, timespans, resets, layer)
            finals.append(after)
        if self.num_layers == 1:
            return x, tuple(part.unsqueeze(0) for part in finals[0])
        return x, tuple(torch.stack(parts) for parts in zip(*finals, strict=True))

    def forward(
        self,
        input: Tensor | PackedSequence,
        hx: State | None = None,
        *,
        lengths: Tensor | list[int] | None = None,
        timespans: Tensor | None = None,
        resets: Tensor | None = None,
    ) -> tuple[Any, State]:
        """Run over whole sequences.

        Args:
            input: `(T, B, I)`, `(B, T, I)` with `batch_first`, `(T, I)` for one sequence, or a
                `PackedSequence`.
            hx: initial state `(layers, B, H)`, `(layers, H)` for one sequence; an LSTM takes the
                pair `(h_0, c_0)`. Zero by default.
            lengths: `(B,)` valid steps of each sequence, 1 to T. Outputs after them are zero and
                the final state is that of the last valid step. Not with a `PackedSequence`, which
                has its own.
            timespans: elapsed times of at least 0 of every step, shaped like `input` without the
                features; only for cells that know time (CfC). One by default. They are looked
                at, for which a GPU has to be waited for; not so in a compiled graph.
            resets: bool, same shape; the state is zeroed **before** a step that is marked.

        Returns:
            Output, shaped like `input` with the hidden size as features, and the final state,
            shaped like `hx`.

        Raises:
            ArgumentError: a shape or a value does not fit; the sentence names the argument.
        """
        if timespans is not None and not self.knows_time:
            raise ArgumentError(
                f"timespans of shape {tuple(timespans.shape)} given to {type(self).__name__}, "
                "which knows no time between steps: leave them out, or use LRSCfC."
            )
        if isinstance(input, PackedSequence):
            return _sequences.run_packed(self, input, hx, lengths, timespans, resets)
        frame = arrange(self, input, hx, timespans, resets)
        if lengths is None:
            y, state = self.run(frame.x, frame.state, frame.timespans, frame.resets)
        else:
            y, state = self._run_lengths(frame, lengths)
        return restore(self, frame, y, state)

    def _run_lengths(
        self, frame: Frame, lengths: Tensor | list[int]
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        if not frame.batched:
            raise ArgumentError("lengths given with one unbatched sequence: cut the input instead.")
        checked = _sequences.check_lengths(lengths, *frame.x.shape[:2])
        return _sequences.run_ragged(self, frame, checked)

    def initial_state(self, batch: int, like: Tensor) -> tuple[Tensor, ...]:
        """Zeros, each `(layers, B, H)`: h, and c for an LSTM."""
        sizes = (self.output_size, self.hidden_size)[: self.states]
        return tuple(like.new_zeros(self.num_layers, batch, size) for size in sizes)

    def flatten_parameters(self) -> None:
        """Nothing to do here; code written for torch.nn calls it."""

    def extra_repr(self) -> str:
        """Sizes and the prior, as `print(layer)` shows them."""
        wiring = self.connectivity
        words = [f"{self.input_size}, {self.hidden_size}", f"rank={wiring.rank}"]
        words.append(f"sparsity={wiring.sparsity:g}")
        if self.num_layers > 1:
            words.append(f"num_layers={self.num_layers}")
        if self.proj_size:
            words.append(f"proj_size={self.proj_size}")
        if self.batch_first:
            words.append("batch_first=True")
        return ", ".join(words)
