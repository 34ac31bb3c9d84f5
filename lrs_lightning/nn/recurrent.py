"""How an LRS layer is made and called: the arguments of torch.nn, calls of any shape.

A leaf class names its cell, a descriptor of `lrs_kernels`; everything else is here, in `running.py`
what runs over time, and in `parameters.py` what the layer computes with.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from lrs_kernels.dispatch import BACKENDS
from lrs_kernels.from_zero import layer_from_zero
from lrs_lightning.errors import ArgumentError
from lrs_lightning.nn import _calls, _checks, _ragged
from lrs_lightning.nn._calls import State
from lrs_lightning.nn._recording import step_by_step
from lrs_lightning.nn.compression import Compression
from lrs_lightning.nn.connectivity import Connectivity
from lrs_lightning.nn.running import LayerScans


class LRSLayer(LayerScans):
    """Base of `LRSCfC`, `LRSLSTM`, `LRSGRU` and `LRSRNN`, and of a layer for a cell of one's own.

    A subclass names its `cell`. Parameters beside those of every cell are made in
    `make_parameters`, filled in `reset_parameters` and handed to the cell by `extras`.

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
        backend: what runs the scan: `"auto"`, `"triton"`, `"native"`, `"cpu"` or `"reference"`,
            which is slow and can be differentiated twice.

    Raises:
        ArgumentError: a value that cannot be used; the sentence names the argument.
    """

    biases: ClassVar[int] = 2
    """Vectors of biases, 2 as in torch.nn or 1."""
    projects: ClassVar[bool] = False
    """Whether there can be a `proj_size`."""

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
        backend: str = "auto",
    ) -> None:
        for name, size in (("input_size", input_size), ("hidden_size", hidden_size)):
            _checks.positive(name, size)
        _checks.positive("num_layers", num_layers)
        for name, chosen in (("bias", bias), ("batch_first", batch_first)):
            _checks.flag(name, chosen)
        if bidirectional:
            raise ArgumentError(
                "bidirectional is True, but an LRS layer runs forward in time only: a policy "
                "cannot see the future. Use two layers and flip the input of one."
            )
        _checks.probability("dropout", dropout)
        _checks.choice("backend", backend, BACKENDS)
        _checks.projection(proj_size, hidden_size, type(self).__name__, self.projects)
        connectivity = Connectivity(
            rows=hidden_size,
            columns=proj_size or hidden_size,
            gates=self.gates,
            rank=rank,
            sparsity=sparsity,
            init=init,
            mask_seed=mask_seed,
            share_mask=share_mask,
            factor_full_rank=factor_full_rank,
            scale=recurrent_scale,
        )
        compression = Compression(eval_rank, eval_sparsity, limit=connectivity.columns)
        self.batch_first, self.dropout = batch_first, float(dropout)
        self.bidirectional, self.proj_size, self.backend = False, proj_size, backend
        self.state_sizes = (connectivity.columns, *(hidden_size,) * (self.states - 1))
        super().__init__(
            input_size, num_layers, bias, self.biases, connectivity, compression, device, dtype
        )
        self.reset_parameters()

    def forward(
        self,
        input: Tensor | PackedSequence,
        hx: State | None = None,
        *,
        lengths: Tensor | list[int] | None = None,
        timespans: Tensor | None = None,
        resets: Tensor | None = None,
    ) -> tuple[Any, Any]:
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
        if hx is None and lengths is None and timespans is None and resets is None:
            found = self._from_zero(input)
            if found is not None:
                return found
        self._check_timespans(timespans)
        if isinstance(input, PackedSequence):
            if lengths is not None or timespans is not None or resets is not None:
                raise ArgumentError(
                    "a PackedSequence carries its own lengths and no timespans or resets: "
                    "give a padded tensor with lengths instead."
                )
            call, counts = _ragged.unpack(self, input, hx)
            y, state = _ragged.run_ragged(self, call, counts)
            self._call_ends()
            return _ragged.pack_like(input, y, counts), _calls.pack_state(state)
        call = _calls.arrange(self, input, hx, timespans, resets)
        if lengths is None:
            y, state = self.run(*call[:4])
        else:
            y, state = _ragged.run_lengths(self, call, lengths)
        self._call_ends()
        return _calls.restore(self, call.batched, y, state)

    def _from_zero(self, input: Tensor | PackedSequence) -> tuple[Tensor, State] | None:
        """Output and final state of the usual call, by a shorter way; None of any other.

        That is a batch of sequences which start at zero, through a single layer.
        """
        if _calls.in_a_graph() or type(input) is not Tensor:
            return None
        if self.num_layers > 1 or not self.is_plain:
            return None
        shape, (weight_ih, bias) = input.shape, self.input_part(0)
        if len(shape) != 3 or shape[-1] != self.input_size or 0 in shape:
            return None
        if input.dtype != weight_ih.dtype:
            return None
        weight, mask = self.weight_for_scan(0)
        y, state = layer_from_zero(
            self.cell, input, weight_ih, bias, weight, mask,
            batch_first=self.batch_first, variant=self.variant, backend=self.backend,
            **self.extras(0),
        )  # fmt: skip
        self._call_ends()
        return y, state[0] if len(state) == 1 else state

    def record(
        self,
        input: Tensor,
        hx: State | None = None,
        *,
        timespans: Tensor | None = None,
        resets: Tensor | None = None,
    ) -> tuple[Tensor, Any, Any]:
        """Run as `forward` does, and keep the state after every step.

        Where the state has parts that are no output (an LSTM's c) this goes step by step, and is
        slower.

        Returns:
            Output, final state, and the states of all steps: `(layers, T, B, H)` for each part, in
            the order of the input's axes; an LSTM has the pair (h, c).
        """
        self._check_timespans(timespans)
        call = _calls.arrange(self, input, hx, timespans, resets)
        states: tuple[Tensor, ...]
        if self.states == 1:
            outputs, final = self.through_layers(*call[:4])
            y, states = outputs[-1], (torch.stack(outputs),)
        else:
            y, final, states = step_by_step(self.run, call)
        self._call_ends()
        if not call.batched:
            states = tuple(part.squeeze(2) for part in states)
        elif self.batch_first:
            states = tuple(part.transpose(1, 2) for part in states)
        return (
            *_calls.restore(self, call.batched, y, final),
            _calls.pack_state(states),
        )

    def _call_ends(self) -> None:
        """Once after every call, which may have run in several spans."""

    @property
    def weight_dtype(self) -> torch.dtype:
        """Of the weights."""
        return self.part("weight_ih", 0).dtype

    def _check_timespans(self, timespans: Tensor | None) -> None:
        if timespans is not None and not self.knows_time:
            raise ArgumentError(
                f"timespans given to {type(self).__name__}, which knows no time between steps: "
                "leave them out, or use LRSCfC."
            )

    def initial_state(self, batch: int, like: Tensor) -> tuple[Tensor, ...]:
        """Zeros, each `(layers, B, H)`: h, and c for an LSTM."""
        return tuple(like.new_zeros(self.num_layers, batch, size) for size in self.state_sizes)

    def flatten_parameters(self) -> None:
        """Nothing to do here; code written for torch.nn calls it."""

    def extra_repr(self) -> str:
        """Sizes and the prior, as `print(layer)` shows them."""
        words = [f"{self.input_size}, {self.hidden_size}", f"rank={self.connectivity.rank}"]
        words.append(f"sparsity={self.connectivity.sparsity:g}")
        if self.num_layers > 1:
            words.append(f"num_layers={self.num_layers}")
        if self.proj_size:
            words.append(f"proj_size={self.proj_size}")
        if self.batch_first:
            words.append("batch_first=True")
        return ", ".join(words)
