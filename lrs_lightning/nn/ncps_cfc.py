"""Every CfC that ncps can build, on our scans where they can run it."""

from __future__ import annotations

import logging
from typing import Any

import torch
from torch import Tensor, nn

from lrs_lightning.nn import _calls
from lrs_lightning.nn._calls import State
from lrs_lightning.nn.backbone import BackboneCfC, MixedMemory, layer_stepper
from lrs_lightning.nn.cfc import LRSCfC
from lrs_lightning.nn.core import Core

logger = logging.getLogger("lrs_kernels")


class NcpsCfC(Core):
    """A CfC of ncps: cells that feed each other within a step, a backbone, a mixed memory.

    Cells without backbone and memory run over the whole sequence one after the other, on the fast
    scans. Anything else runs step by step and says so, in the log and in `print(module)`.

    Args:
        stages: cells in the order of the wiring; one with a backbone stands alone.
        memory: LSTM that rewrites the state before every step, or None.
        head: what becomes of the last cell's output.
        batch_first: input and output are `(B, T, ...)`, not `(T, B, ...)`.
        return_sequences: whether all outputs are returned, or the last alone.

    Example:
        >>> module = NcpsCfC([LRSCfC(5, 8), LRSCfC(8, 3)], None, nn.Identity(), True, True)
        >>> y, h = module(torch.randn(2, 7, 5))
        >>> y.shape, h.shape  # the state holds the units of all cells
        (torch.Size([2, 7, 3]), torch.Size([1, 2, 11]))
    """

    def __init__(
        self,
        stages: list[LRSCfC] | list[BackboneCfC],
        memory: MixedMemory | None,
        head: nn.Module,
        batch_first: bool,
        return_sequences: bool,
    ) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.memory, self.head = memory, head
        self.batch_first, self.return_sequences = batch_first, return_sequences
        self.input_size = stages[0].input_size
        self.sizes = [stage.hidden_size for stage in stages]
        self.num_layers, self.state_sizes = 1, (sum(self.sizes),) * (1 if memory is None else 2)
        self.output_size = getattr(head, "out_features", self.sizes[-1])
        self._told = False

    @property
    def obstacle(self) -> str | None:
        """Why no fast scan can run this, or None."""
        if self.memory is not None:
            return "mixed memory"
        return "a backbone" if isinstance(self.stages[0], BackboneCfC) else None

    def forward(
        self,
        input: Tensor,
        hx: State | None = None,
        *,
        timespans: Tensor | None = None,
        resets: Tensor | None = None,
    ) -> tuple[Tensor, Any]:
        """Run over whole sequences.

        Args:
            input: `(T, B, I)`, `(B, T, I)` with `batch_first`, or `(T, I)` for one sequence.
            hx: `(1, B, units of all cells)`, with mixed memory a pair of them, (h, c); zeros by
                default. An unbatched input has states without B.
            timespans: elapsed times, shaped like `input` without the features; 1 by default.
            resets: bool, the same shape; the state is zeroed before a step that is marked.

        Returns:
            Outputs, or the last one without `return_sequences`, and the final state.

        Raises:
            ArgumentError: a shape or a value does not fit; the sentence names the argument.
        """
        x, state, timespans, resets, batched = _calls.arrange(self, input, hx, timespans, resets)
        first = tuple([part.squeeze(0) for part in state])
        run = self._in_one_go if self.obstacle is None else self._step_by_step
        y, final = run(x, first, timespans, resets)
        end = tuple([part.unsqueeze(0) for part in final])
        if self.return_sequences:
            return _calls.restore(self, batched, self.head(y), end)
        last, state_out = _calls.restore(self, batched, self.head(y[-1:]), end)
        return last.select(1 if batched and self.batch_first else 0, 0), state_out

    def _in_one_go(
        self, x: Tensor, state: tuple[Tensor, ...], dt: Tensor | None, resets: Tensor | None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        finals = []
        for stage, h in zip(self.stages, self._apart(state[0]), strict=True):
            assert isinstance(stage, LRSCfC)
            x, (h,) = stage.run(x, (h.unsqueeze(0),), dt, resets)
            finals.append(h.squeeze(0))
        return x, (torch.cat(finals, dim=-1),)

    def _step_by_step(
        self, x: Tensor, state: tuple[Tensor, ...], dt: Tensor | None, resets: Tensor | None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        self._tell()
        steppers = [
            stage.stepper() if isinstance(stage, BackboneCfC) else layer_stepper(stage)
            for stage in self.stages
            if isinstance(stage, BackboneCfC | LRSCfC)
        ]
        # Cut into steps at once: the gradient of one step picked out has the size of them all.
        parts = self._project(0, x).unbind()
        remembered = parts if self.memory is None else self.memory.project_input(x).unbind()
        remember = None if self.memory is None else self.memory.stepper()
        spans = [None] * len(parts) if dt is None else dt.unsqueeze(-1).unbind()
        h, *rest = state
        outputs = []
        for t, part in enumerate(parts):
            if resets is not None:
                cut = resets[t].unsqueeze(-1) != 0
                h, *rest = [old.masked_fill(cut, 0) for old in (h, *rest)]
            if remember is not None:
                h, rest[0] = remember(remembered[t], h, rest[0])
            here: list[Tensor] = []
            for place, before in enumerate(self._apart(h)):
                entering = self._project(place, here[-1]) if place else part
                here.append(steppers[place](entering, before, spans[t]))
            h = here[0] if len(here) == 1 else torch.cat(here, dim=-1)
            outputs.append(here[-1])
        return torch.stack(outputs), (h, *rest)

    def _apart(self, h: Tensor) -> tuple[Tensor, ...]:
        """The state of each cell, `(B, units of all)` -> `(B, units)` each."""
        return torch.functional.split(h, self.sizes, dim=-1)

    def _project(self, place: int, x: Tensor) -> Tensor:
        """The input part of a cell."""
        stage = self.stages[place]
        if isinstance(stage, BackboneCfC):
            return stage.project_input(x)
        assert isinstance(stage, LRSCfC)
        return stage.project_input(x, 0)

    def _tell(self) -> None:
        if not self._told and not torch.compiler.is_compiling():
            logger.info("an imported CfC runs step by step on 'reference': %s", self.obstacle)
            self._told = True

    def initial_state(self, batch: int, like: Tensor) -> tuple[Tensor, ...]:
        """Zeros, `(1, B, units)`: h, and c with mixed memory."""
        return tuple(like.new_zeros(1, batch, size) for size in self.state_sizes)

    @property
    def weight_dtype(self) -> torch.dtype:
        """Of the weights."""
        return next(self.parameters()).dtype

    def extra_repr(self) -> str:
        """Sizes, and what runs it."""
        words = [f"{self.input_size}, {sum(self.sizes)}", f"batch_first={self.batch_first}"]
        words.append(f"return_sequences={self.return_sequences}")
        words.append(f"backend={'reference' if self.obstacle else 'auto'}")
        return ", ".join(words)
