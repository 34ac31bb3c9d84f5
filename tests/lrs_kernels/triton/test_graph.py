"""Passes cut into recorded chunks equal passes in one piece; the recorder stands in for a GPU's."""

from __future__ import annotations

import pytest
import torch

from lrs_kernels.triton import graph, operands
from lrs_kernels.triton.config import Plan
from lrs_kernels.triton.operands import INTERPRETED
from lrs_kernels.triton.table import Tile
from tests.lrs_kernels.triton.calls import CFCS, GATES, KERNEL, Case, make

pytestmark = pytest.mark.skipif(not INTERPRETED, reason="kernels are compiled in this process")


class Recorder:
    """Keeps launches to make them again, and counts both."""

    def __init__(self) -> None:
        self.recorded = self.replayed = 0

    def __call__(self, launches: graph.Replay) -> graph.Replay:
        self.recorded += 1
        launches()  # a CUDA graph warms up on its buffers too

        def replay() -> None:
            self.replayed += 1
            launches()

        return replay


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    """Steps in chunks of two on the CPU."""
    made = Recorder()
    monkeypatch.setattr(operands, "plan", lambda *_: Plan("step", 8, Tile(4, 1), "a test"))
    monkeypatch.setattr(graph, "chunk_steps", lambda _: 2)
    monkeypatch.setattr(graph, "record", made)
    graph._graphs.clear()
    return made


@pytest.mark.parametrize("cell", GATES)
def test_chunks_equal_one_piece(
    cell: str, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = Case(members=2, steps=5, resets=True, timespans=cell in CFCS)
    call = make(case, cell)
    in_chunks = KERNEL[cell](call)
    # 5 = 2 + 2 + 1 steps: two graphs for each direction, three replays
    assert (recorder.recorded, recorder.replayed) == (4, 6)
    monkeypatch.setattr(graph, "chunk_steps", lambda _: None)
    for name, value in KERNEL[cell](call).items():
        assert torch.equal(value, in_chunks[name]), name


def test_a_second_call_replays_with_its_own_numbers(recorder: Recorder) -> None:
    case = Case(steps=4, rank=3, mask=0.5)
    first, second = make(case, "lstm"), make(case, "lstm")
    KERNEL["lstm"](first)
    recorded = recorder.recorded
    found = KERNEL["lstm"](second)
    assert recorder.recorded == recorded, "the same shapes need no new graph"
    graph._graphs.clear()
    for name, value in KERNEL["lstm"](second).items():
        assert torch.equal(value, found[name]), name


def test_the_least_recently_used_graph_goes_first(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph, "GRAPHS", 2)
    for batch in (1, 2, 3):
        KERNEL["rnn"](make(Case(steps=2, batch=batch), "rnn"))
        assert len(graph._graphs) <= 2
    assert recorder.recorded == 6


def test_plain_launches_on_the_cpu() -> None:
    call = make(Case(steps=6), "rnn")
    work = graph.StepPass(("rnn",), lambda _: None, {"x": call.x_proj}, (), {})
    assert graph.chunk_steps(work) is None
