"""Runs step passes as CUDA graphs: a launch per step, without the time to launch it.

Launching from Python takes longer than a step of a small batch. So the launches of some steps are
captured once, on buffers of their own, and replayed by every later call of the same sizes: copy in,
replay, copy out. A sequence is cut into powers of two, largest first, all of which use the same
buffers; so sequences of any length share seven graphs at most. Buffers are kept up to a number of
bytes, the least recently used go first. Where copying would cost more than launching (large steps),
where a capture is under way already, and on the CPU, the steps are launched one by one.

What is kept outlives the call that made it, and must not carry the modes of that call: buffers and
graphs are made outside of inference mode and without gradients.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from lrs_kernels.triton.steps import StepPass, Tensors

Replay = Callable[[], None]
Recorder = Callable[[Replay], Replay]
"""Makes something to replay out of launches."""

CHUNK = 64
"""Most steps of a graph, a power of two."""
BUFFER_BYTES = 64 * 2**20
"""The most that the buffers of a pass may take, weights included; bounds the steps of a graph."""
STORE_BYTES = 512 * 2**20
"""The most that all buffers together may take."""
SHORTEST = 4
"""Steps below which a graph is not worth its copies."""

_lock = threading.Lock()
_store: OrderedDict[Any, Recorded] = OrderedDict()


class Recorded:
    """Buffers for passes of the same sizes, and the graphs that were captured on them.

    Attributes:
        device: where they are.
        buffers: what does not run over time (weights, states before a chunk, carried states).
        rows: of every sequence the buffer, flat.
        replays: by number of steps, sequences and other buffers as tensors, and the graph.

    """

    def __init__(self, work: StepPass, steps: int) -> None:
        """Buffers for up to so many steps."""
        self.device = device = _device(work)
        edges = {name: edge.initial for name, edge in work.edges.items()}
        given: Tensors = {**work.fixed, **edges, **work.carried}
        self.buffers: Tensors = {
            name: None if t is None else torch.zeros(t.shape, dtype=t.dtype, device=device)
            for name, t in given.items()
        }
        self.rows = {
            name: None if t is None else torch.zeros(steps * _step(t), dtype=t.dtype, device=device)
            for name, t in work.sequences.items()
        }
        self.replays: dict[int, tuple[Tensors, Replay]] = {}

    @property
    def bytes(self) -> int:
        """Memory of all buffers."""
        kept = (*self.buffers.values(), *self.rows.values())
        return sum(t.numel() * t.element_size() for t in kept if t is not None)

    def replay(self, work: StepPass, steps: int, recorder: Recorder) -> tuple[Tensors, Replay]:
        """Tensors and graph of so many steps; recorded at the first call."""
        if steps not in self.replays:
            with torch.inference_mode(False), torch.no_grad():
                tensors = {**self.buffers, **self._sequences(work, steps)}
                self.replays[steps] = tensors, recorder(lambda: work.launch(tensors))
        return self.replays[steps]

    def _sequences(self, work: StepPass, steps: int) -> Tensors:
        found: Tensors = {}
        for name, rows in self.rows.items():
            whole = work.sequences[name]
            if rows is None or whole is None:
                found[name] = None
            else:
                shape = (whole.shape[0], steps, *whole.shape[2:])
                found[name] = rows[: steps * _step(whole)].view(shape)
        return found


def run(work: StepPass) -> None:
    """Run a pass the fastest way its sizes and device allow."""
    steps = chunk_steps(work)
    if steps is None:
        work.run()
    else:
        run_in_chunks(work, steps, record)


def chunk_steps(work: StepPass) -> int | None:
    """The most steps to capture together, a power of two, or None for plain launches."""
    sequences = [t for t in work.sequences.values() if t is not None]
    if not sequences[0].is_cuda or torch.cuda.is_current_stream_capturing():
        return None
    step_bytes = sum(_step(t) * t.element_size() for t in sequences)
    fixed_bytes = sum(t.numel() * t.element_size() for t in work.fixed.values() if t is not None)
    fit = min(CHUNK, (BUFFER_BYTES - fixed_bytes) // max(step_bytes, 1))
    if min(fit, work.steps) < SHORTEST:
        return None
    return 1 << (fit.bit_length() - 1)


def chunks(steps: int, largest: int) -> Iterator[slice]:
    """Cuts time into powers of two, the largest first."""
    start, size = 0, largest
    while start < steps:
        while size > steps - start:
            size //= 2
        yield slice(start, start + size)
        start += size


def record(launches: Replay) -> Replay:
    """Capture launches in a CUDA graph, after a first run that compiles the kernels."""
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        launches()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    # Autograd runs backward passes in a thread of its own; others must be free to allocate.
    with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
        launches()
    return graph.replay


def run_in_chunks(work: StepPass, largest: int, recorder: Recorder) -> None:
    """Run a pass as replays of recorded chunks.

    Args:
        work: the pass.
        largest: most steps of a chunk, a power of two.
        recorder: makes a replay of launches.

    """
    cuts = list(chunks(work.steps, largest))
    with _lock, torch.no_grad():
        recorded = _recorded(work, largest, recorder)
        for name, tensor in work.fixed.items():
            _fill(recorded.buffers[name], tensor)
        for here in reversed(cuts) if work.backward else cuts:
            buffers, replay = recorded.replay(work, here.stop - here.start, recorder)
            for name, tensor in _inputs(work, here).items():
                _fill(buffers[name], tensor)
            replay()
            for name in work.written:
                if (whole := work.sequences[name]) is not None:
                    _fill(whole[:, here], buffers[name])
            for name, state in work.carried.items():
                _fill(state, buffers[name])


def _inputs(work: StepPass, here: slice) -> Tensors:
    """What a chunk reads and other chunks read otherwise, by name."""
    read = {
        name: None if whole is None else whole[:, here]
        for name, whole in work.sequences.items()
        if name not in work.written
    }
    edges: Tensors = {}
    for name, edge in work.edges.items():
        whole = work.sequences[edge.sequence]
        assert whole is not None
        edges[name] = edge.initial if here.start == 0 else whole[:, here.start - 1]
    return {**read, **edges, **work.carried}


def _recorded(work: StepPass, largest: int, recorder: Recorder) -> Recorded:
    """Buffers and graphs of a pass, from the store or made now."""
    device = _device(work)
    stream = torch.cuda.current_stream(device).cuda_stream if device.type == "cuda" else 0
    sequences = {
        name: None if t is None else (t.shape[0], *t.shape[2:], t.dtype)
        for name, t in work.sequences.items()
    }
    fixed = {name: None if t is None else (t.shape, t.dtype) for name, t in work.fixed.items()}
    sizes = tuple(sorted({**sequences, **fixed}.items()))
    key = (work.key, work.backward, largest, recorder, device, stream, sizes)
    if key not in _store:
        with torch.inference_mode(False), torch.no_grad():
            _store[key] = Recorded(work, largest)
        _forget_the_oldest()
    _store.move_to_end(key)
    return _store[key]


def _forget_the_oldest() -> None:
    """Keep the store within its bytes; the newest stays whatever it takes."""
    while len(_store) > 1 and sum(kept.bytes for kept in _store.values()) > STORE_BYTES:
        _, oldest = _store.popitem(last=False)
        if oldest.device.type == "cuda":
            torch.cuda.synchronize(oldest.device)  # its graphs may still be running


def _device(work: StepPass) -> torch.device:
    return next(t.device for t in work.sequences.values() if t is not None)


def _step(sequence: Tensor) -> int:
    """Numbers in one step of a sequence `(P, T, B, ...)`."""
    return sequence.numel() // sequence.shape[1]


def _fill(target: Tensor | None, source: Tensor | None) -> None:
    if target is not None and source is not None:
        target.copy_(source)
