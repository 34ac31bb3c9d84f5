"""Losses and gradients of an update as a CUDA graph: one launch in the place of hundreds.

At the sizes of a policy a GPU waits for Python. The launches of an update's forward and backward
pass are recorded once, on buffers of their own, and replayed for every batch of the same shapes:
copy the batch in, replay, read losses and gradients. The parameters must stay where they are.
Recorded are the losses of one policy, or of all members of a population.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import lightning.pytorch as pl
import torch
from torch import Tensor, nn

from lrs_lightning.data import WindowBatch
from lrs_lightning.errors import ArgumentError

Losses = Callable[[Sequence[WindowBatch]], list[Tensor]]
Replay = Callable[[], None]
Recorder = Callable[[Replay], Replay]
"""Makes something to replay out of launches."""

_WARM_UP = 2
"""Runs before recording, which compile kernels and allocate."""


def record(launches: Replay) -> Replay:
    """Capture launches in a CUDA graph, after runs that compile what they launch."""
    beside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    beside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(beside):
        for _ in range(_WARM_UP):
            launches()
    torch.cuda.current_stream().wait_stream(beside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        launches()
    return graph.replay


def check_recordable(option: str, module: pl.LightningModule, draws: bool) -> None:
    """Refuse to record the updates of a module where a replay would not be the same.

    Args:
        option: that asks for it, for the sentence.
        module: where it is, and in whose training.
        draws: whether its passes draw random numbers.

    Raises:
        ArgumentError: there is no GPU, or several processes share the work; gradients are
            accumulated or scaled; or the passes draw.
    """
    trainer = module.trainer
    obstacles = {
        "training runs on the CPU": module.device.type != "cuda",
        "several processes share their gradients": trainer.world_size > 1,
        "gradients of several batches are accumulated": trainer.accumulate_grad_batches > 1,
        "16-mixed scales the loss": getattr(trainer.precision_plugin, "scaler", None) is not None,
        "there is dropout": draws,
    }
    if found := [why for why, there in obstacles.items() if there]:
        raise ArgumentError(
            f"{option} replays the launches of an update on a GPU, but {found[0]}: "
            f"give --{option}=false"
        )


class RecordedLosses:
    """Losses of batches, and the gradients of their sum, by replaying what was recorded for one.

    The first call records, and every one whose batches have other shapes than those recorded. What
    a call leaves in `losses` and `gradients` is overwritten by the next one.

    Args:
        function: from batches to losses, a scalar or `(P,)` each.
        parameters: what to differentiate by.
        recorder: makes the replay.
    """

    def __init__(
        self, function: Losses, parameters: Sequence[nn.Parameter], recorder: Recorder = record
    ) -> None:
        self._function, self._parameters = function, list(parameters)
        self._recorder = recorder
        self._batches: list[WindowBatch] = []
        self._outputs: tuple[list[Tensor], list[Tensor | None]] = ([], [])
        self._replay: Replay | None = None

    @property
    def losses(self) -> list[Tensor]:
        """Those of the last call, without graphs of autograd."""
        return self._outputs[0]

    @property
    def gradients(self) -> list[Tensor | None]:
        """Those of the last call, one for each parameter; None where it plays no part."""
        return self._outputs[1]

    def hand_out(self) -> None:
        """Give the parameters the gradients of the last call, in the place of any they have."""
        for parameter, gradient in zip(self._parameters, self.gradients, strict=True):
            parameter.grad = gradient

    def __call__(self, batches: Sequence[WindowBatch]) -> None:
        """Run for batches."""
        if self._replay is None or _shapes(batches) != _shapes(self._batches):
            self._replay = self._record(batches)
        for own, given in zip(self._batches, batches, strict=True):
            for buffer, part in zip(own, given, strict=True):
                if buffer is not None and part is not None:
                    buffer.copy_(part)
        self._replay()

    def _record(self, batches: Sequence[WindowBatch]) -> Replay:
        """Make buffers like these batches, and what runs on them."""
        self._batches = [
            WindowBatch._make(None if part is None else part.clone() for part in batch)
            for batch in batches
        ]
        # Autocast keeps the weights that it has rounded, and a replay would read those of then.
        cached = torch.is_autocast_cache_enabled()
        torch.set_autocast_cache_enabled(False)
        try:
            return self._recorder(self._launch)
        finally:
            torch.set_autocast_cache_enabled(cached)

    def _launch(self) -> None:
        with torch.enable_grad():
            losses = self._function(self._batches)
            total = torch.stack([loss.sum() for loss in losses]).sum()
            gradients = torch.autograd.grad(total, self._parameters, allow_unused=True)
        self._outputs = [loss.detach() for loss in losses], _own(self._parameters, gradients)


@torch.no_grad()
def _own(
    parameters: Sequence[nn.Parameter], gradients: Sequence[Tensor | None]
) -> list[Tensor | None]:
    """Gradients in memory of their own, each in its parameter's order.

    `backward` sees to both; `autograd.grad` leaves the gradient of a product transposed, which a
    fused optimiser would go through in the other order, and hands out one tensor twice where two
    parameters are added, as the two biases of an LSTM: clipping in place would scale it twice.
    """
    found: list[Tensor | None] = []
    taken: set[int] = set()
    for parameter, gradient in zip(parameters, gradients, strict=True):
        if gradient is not None:
            place = gradient.data_ptr()
            if place in taken or gradient.stride() != parameter.stride():
                gradient = torch.empty_like(parameter).copy_(gradient)
            taken.add(place)
        found.append(gradient)
    return found


def _shapes(batches: Sequence[WindowBatch]) -> list[list[torch.Size | None]]:
    return [[None if part is None else part.shape for part in batch] for batch in batches]
