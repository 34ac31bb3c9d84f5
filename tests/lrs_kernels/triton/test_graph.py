"""Passes cut into recorded chunks equal passes in one piece; the recorder stands in for a GPU's."""

from __future__ import annotations

import pytest
import torch

from lrs_kernels.triton import choice, graph, launch
from lrs_kernels.triton.choice import INTERPRETED
from lrs_kernels.triton.config import Plan
from lrs_kernels.triton.table import Tile
from tests.lrs_kernels.triton.calls import CFCS, GATES, KERNEL, Case, make, prepare
from tests.selection import always

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
    monkeypatch.setattr(choice, "plan", lambda *_: Plan("step", 8, Tile(4), "a test"))
    monkeypatch.setattr(graph, "chunk_steps", lambda _: 2)
    monkeypatch.setattr(graph, "record", made)
    graph._store.clear()
    return made


@pytest.mark.parametrize("cell", always(GATES, {"cfc", "lstm", "gru", "rnn"}.__contains__))
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
    graph._store.clear()
    for name, value in KERNEL["lstm"](second).items():
        assert torch.equal(value, found[name]), name


def test_the_least_recently_used_buffers_go_first(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    KERNEL["rnn"](make(Case(steps=2, batch=3), "rnn"))
    both = sum(kept.bytes for kept in graph._store.values())
    assert len(graph._store) == 2  # forward and backward
    monkeypatch.setattr(graph, "STORE_BYTES", both)
    for batch in (2, 1):
        KERNEL["rnn"](make(Case(steps=2, batch=batch), "rnn"))
        assert sum(kept.bytes for kept in graph._store.values()) <= both
    recorded = recorder.recorded
    KERNEL["rnn"](make(Case(steps=2, batch=1), "rnn"))
    assert recorder.recorded == recorded, "the newest is kept"
    KERNEL["rnn"](make(Case(steps=2, batch=3), "rnn"))
    assert recorder.recorded == recorded + 2, "the oldest is not"


def test_weights_count_as_memory(recorder: Recorder) -> None:
    case = Case(members=2, steps=2, batch=1, hidden=16)
    KERNEL["lstm"](make(case, "lstm"))
    weights = case.members * GATES["lstm"] * case.hidden**2 * 8
    assert all(kept.bytes > weights for kept in graph._store.values())


@pytest.mark.parametrize("steps", [1, 3, 4, 7, 63, 64, 100, 1000])
def test_time_is_cut_into_powers_of_two_the_largest_first(steps: int) -> None:
    cuts = list(graph.chunks(steps, 64))
    sizes = [here.stop - here.start for here in cuts]
    assert [here.start for here in cuts] == [sum(sizes[:n]) for n in range(len(sizes))]
    assert sum(sizes) == steps
    assert sizes == sorted(sizes, reverse=True)
    assert set(sizes) <= {1, 2, 4, 8, 16, 32, 64}
    assert len(cuts) <= steps // 64 + 6


def test_training_and_evaluation_of_other_lengths_share_buffers(recorder: Recorder) -> None:
    for steps in (2, 4, 7, 3, 7, 2):
        KERNEL["rnn"](make(Case(steps=steps), "rnn"))
    # forward and backward, each with chunks of two steps and of one
    assert recorder.recorded == 4
    assert len(graph._store) == 2


@pytest.mark.parametrize("cell", always(["cfc", "lstm"], "lstm".__eq__))
def test_a_graph_made_in_inference_mode_serves_training(cell: str, recorder: Recorder) -> None:
    """As Lightning's sanity check before the first step of training."""
    call = make(Case(steps=5, rank=3, mask=0.5, resets=True), cell)
    expected = KERNEL[cell](call)
    graph._store.clear()
    recurrence, inputs = prepare(call, cell)
    with torch.inference_mode():
        launch.forward(recurrence, inputs, save=True)
    recorded = recorder.recorded
    for name, value in KERNEL[cell](call).items():
        assert torch.equal(value, expected[name]), name
    assert recorder.recorded == recorded + 2, (
        "the forward pass made in inference mode is used again"
    )
    with torch.inference_mode():
        assert torch.equal(launch.forward(recurrence, inputs).states, expected["y"])


def test_what_is_kept_carries_no_mode(recorder: Recorder) -> None:
    call = make(Case(steps=3), "gru")
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        KERNEL["gru"](call)
    for kept in graph._store.values():
        for tensors in (kept.buffers, kept.rows, *(replay[0] for replay in kept.replays.values())):
            for name, tensor in tensors.items():
                assert tensor is None or not (tensor.is_inference() or tensor.requires_grad), name


def test_plain_launches_on_the_cpu() -> None:
    call = make(Case(steps=6), "rnn")
    work = graph.StepPass(("rnn",), lambda _: None, {"x": call.x_proj}, (), {})
    assert graph.chunk_steps(work) is None
