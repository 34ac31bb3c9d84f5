"""Runs step passes as CUDA graphs: a launch per step, without the time to launch it.

Launching from Python takes longer than a step of a small batch. So the launches of a chunk of steps
are captured once, on buffers of their own, and replayed for every chunk of every later call of the
same shape: copy in, replay, copy out. A handful of graphs is kept, the least recently used goes
first. Where copying would cost more than launching (large steps), where a capture is under way
already, and on the CPU, the steps are launched one by one.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from lrs_kernels.triton.steps import StepPass, Tensors

Replay = Callable[[], None]
Recorder = Callable[[Replay], Replay]
"""Makes something to replay out of launches."""

CHUNK = 64
"""Steps of a graph: long sequences share it, and T = 1000 and T = 1024 mostly do."""
GRAPHS = 8
"""Graphs kept."""
BUFFER_BYTES = 64 * 2**20
"""The most that the buffers of a graph may take; fewer steps go into a graph of larger ones."""
SHORTEST = 4
"""Steps below which a graph is not worth its copies."""

_lock = threading.Lock()
_graphs: OrderedDict[Any, tuple[Tensors, Replay]] = OrderedDict()


def run(work: StepPass) -> None:
    """Run a pass the fastest way its shape and device allow."""
    steps = chunk_steps(work)
    if steps is None:
        work.run()
    else:
        run_in_chunks(work, steps, record)


def chunk_steps(work: StepPass) -> int | None:
    """Steps to capture together, or None where plain launches are better."""
    tensors = [t for t in work.sequences.values() if t is not None]
    if not tensors[0].is_cuda or torch.cuda.is_current_stream_capturing():
        return None
    step_bytes = sum(t[:, :1].numel() * t.element_size() for t in tensors)
    steps = min(CHUNK, work.steps, BUFFER_BYTES // max(step_bytes, 1))
    return steps if steps >= SHORTEST else None


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


def run_in_chunks(work: StepPass, steps: int, recorder: Recorder) -> None:
    """Run a pass as replays of recorded chunks.

    Args:
        work: the pass.
        steps: T of a chunk; the last one may be shorter.
        recorder: makes a replay of launches.

    """
    starts = range(0, work.steps, steps)
    with _lock, torch.no_grad():
        for start in reversed(starts) if work.backward else starts:
            here = slice(start, min(start + steps, work.steps))
            buffers, replay = _recorded(work, here.stop - here.start, recorder)
            for name, tensor in _inputs(work, here).items():
                _fill(buffers[name], tensor)
            replay()
            for name in work.written:
                if (whole := work.sequences[name]) is not None:
                    _fill(whole[:, here], buffers[name])
            for name, state in work.carried.items():
                _fill(state, buffers[name])


def _inputs(work: StepPass, here: slice) -> Tensors:
    """What a chunk reads, by name."""
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
    return {**read, **edges, **work.fixed, **work.carried}


def _recorded(work: StepPass, steps: int, recorder: Recorder) -> tuple[Tensors, Replay]:
    """Buffers and replay of a chunk, from the store or made now."""
    first = slice(0, steps)
    shapes = {name: _kind(t) for name, t in _inputs(work, first).items()}
    for name in work.written:
        whole = work.sequences[name]
        shapes[name] = _kind(None if whole is None else whole[:, first])
    device = next(t.device for t in work.sequences.values() if t is not None)
    stream = torch.cuda.current_stream(device).cuda_stream if device.type == "cuda" else 0
    key = (work.key, work.backward, recorder, device, stream, tuple(sorted(shapes.items())))
    if key in _graphs:
        _graphs.move_to_end(key)
        return _graphs[key]
    buffers: Tensors = {
        name: None if kind is None else torch.zeros(kind[0], dtype=kind[1], device=device)
        for name, kind in shapes.items()
    }
    _graphs[key] = buffers, recorder(lambda: work.launch(buffers))
    while len(_graphs) > GRAPHS:
        _graphs.popitem(last=False)
    return _graphs[key]


def _kind(tensor: Tensor | None) -> tuple[torch.Size, torch.dtype] | None:
    return None if tensor is None else (tensor.shape, tensor.dtype)


def _fill(target: Tensor | None, source: Tensor | None) -> None:
    if target is not None and source is not None:
        target.copy_(source)
