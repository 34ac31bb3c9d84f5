"""Whatever this room refuses, and with which sentence, word for word."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import ncps.torch
import numpy as np
import pytest
import torch
from gymnasium import spaces

import lrs_lightning.nn as room
from lrs_lightning.errors import LrsError
from lrs_lightning.nn import CORES, choices, compression, connectivity, population
from tests.approved import compare

APPROVED = Path(__file__).parent / "approved" / "sentences.txt"
FOLDER = Path(room.__file__).parent

REFUSED = """
LRSCfC(0, 7)
LRSCfC(5, 0)
LRSCfC(5, 7, num_layers=0)
LRSCfC(5, 7, bias=1)
LRSCfC(5, 7, batch_first="no")
LRSCfC(5, 7, bidirectional=True)
LRSCfC(5, 7, dropout=1.5)
LRSCfC(5, 7, backend="gpu")
LRSCfC(5, 7, proj_size=3)
LRSLSTM(5, 7, proj_size=7)
LRSCfC(5, 7, rank=8)
LRSCfC(5, 7, sparsity=1.0)
LRSCfC(5, 7, init="ortogonal")
LRSCfC(5, 7, mask_seed=-1)
LRSCfC(5, 7, eval_rank=8)
LRSCfC(5, 7, eval_sparsity=1.0)
LRSCfC(5, 7, mode="papers")
LRSCfC(5, 7, gate="frosen")
LRSCfC(5, 7, mode="pure", gate="frozen")
LRSRNN(5, 7, nonlinearity="rely")
Connectivity(0, 7, 3)
connectivity.truncated_factors(zeros(2, 4, 3), 4)
compression.magnitude_mask(zeros(1, 2, 2), 1)
LRSCfC(5, 7)([[1.0]])
LRSCfC(5, 7)(zeros(4, 3, 6))
LRSCfC(5, 7, batch_first=True)(zeros(5))
LRSCfC(5, 7)(zeros(0, 3, 5))
LRSCfC(5, 7, batch_first=True)(zeros(3, 0, 5))
LRSCfC(5, 7)(zeros(4, 3, 5).double())
LRSCfC(5, 7)(zeros(4, 3, 5), zeros(3, 7))
LRSCfC(5, 7)(zeros(4, 5), zeros(7))
LRSCfC(5, 7)(zeros(4, 3, 5), (zeros(1, 3, 7), zeros(1, 3, 7)))
LRSLSTM(5, 7)(zeros(4, 3, 5), zeros(1, 3, 7))
LRSLSTM(5, 7)(zeros(4, 3, 5), (zeros(1, 3, 7), zeros(3, 7)))
LRSCfC(5, 7)(zeros(4, 3, 5), timespans=1.0)
LRSCfC(5, 7)(zeros(4, 3, 5), timespans=zeros(3, 4))
LRSCfC(5, 7)(zeros(4, 3, 5), timespans=zeros(4, 3) - 1)
LRSLSTM(5, 7)(zeros(4, 3, 5), timespans=zeros(4, 3))
LRSCfC(5, 7)(zeros(4, 3, 5), resets=True)
LRSCfC(5, 7)(zeros(4, 3, 5), resets=zeros(4))
LRSCfC(5, 7)(zeros(4, 3, 5), lengths=3)
LRSCfC(5, 7)(zeros(4, 3, 5), lengths=[1, 2])
LRSCfC(5, 7)(zeros(4, 3, 5), lengths=zeros(3, 1))
LRSCfC(5, 7)(zeros(4, 3, 5), lengths=[1, 2, 5])
LRSCfC(5, 7)(zeros(4, 3, 5), lengths=zeros(3))
LRSCfC(5, 7)(zeros(4, 3, 5), lengths=[1, 2, 2.5])
LRSCfC(5, 7)(zeros(4, 3, 5), lengths=[1, 2, float("nan")])
LRSCfC(5, 7)(zeros(4, 3, 5), lengths=[1, 2, float("inf")])
LRSCfC(5, 7)(zeros(4, 3, 5), lengths=[1, 2, [3]])
LRSCfC(5, 7)(zeros(4, 3, 5), lengths=[1, 2, zeros(2)])
LRSCfC(5, 7)(zeros(4, 3, 5), lengths=[1, 2, "3"])
LRSCfC(5, 7)(zeros(4, 5), lengths=[4])
LRSGRU(5, 7)(packed, lengths=[4, 2, 1])
LRSGRU(6, 7)(packed)
torch.jit.trace(LRSRNN(5, 7), zeros(4, 3, 5))
FeedForward(0, 8)
FeedForward(5, 0)
FeedForward(5, 8, -1)
FrameStack(5, 8, frames=1)
FrameStack(5, 8, 0)
FrameStack(5, 8, 0, frames=2)
FeedForward(5, 8)(zeros(4, 3, 5), zeros(1, 3, 2))
cores.GRU(hidden_size=0)
cores.GRU(num_layers=0)
cores.GRU(init="glorott")
cores.GRU(rank=65)
cores.GRU(sparsity=1)
cores.GRU(mask_seed=-1)
cores.GRU(dropout=2)
cores.GRU(backend="gpu")
cores.CfC(mode="papers")
cores.CfC(gate="frosen")
cores.RNN(nonlinearity="rely")
cores.MLP(hidden_size=0)
cores.MLP(num_layers=-1)
cores.Stack(frames=0)
cores.GRU(init="uniform", control=controls.Rescaled())
cores.GRU(rank=None, control=controls.Truncated())
cores.GRU(sparsity=0, control=controls.Pruned())
encoders.Vector(features=0)
encoders.Nature(features=0)
encoders.Vector(channels=[3, 3]).build(vector)
encoders.Vector().build(frames)
encoders.Vector().build(vector).set_statistics([0.0], [1.0])
encoders.Vector().build(vector)(zeros(2, 6))
encoders.Small().build(vector)
encoders.Small().build(spaces.Box(0, 255, (1, 9, 8), np.uint8))
encoders.Frozen().build(vector)
PolicyConfig(core="cfc")
PolicyConfig(encoder="mlp")
PolicyConfig(init_seed=-1)
PolicyConfig.from_dict({"cor": "cfc"})
PolicyConfig.from_dict({"core": {"rank": 3}})
PolicyConfig.from_dict({"core": "lsm"})
PolicyConfig.from_dict({"core": {"name": "cfc", "rnk": 3}})
PolicyConfig.from_dict({"core": {"name": "mlp", "control": "dense"}})
PolicyConfig.from_dict({"core": {"name": "cfc", "control": {"name": "dense", "rank": 3}}})
policy.initial_state(0)
policy.unroll(zeros(2, 17))
policy.unroll(zeros(2, 3, 5), resets=zeros(3))
policy.unroll(zeros(2, 3, 5), timespans=zeros(3))
policy.step(zeros(2, 3, 5))
policy.unroll_features(zeros(2, 3, 9))
policy.step_features(zeros(2, 3, 9))
policy.step(zeros(2, 5), resets=zeros(3))
make_head(8, spaces.Box(0, 1, (2, 3)))
make_head(8, spaces.Box(np.float32([0, -np.inf]), np.float32([1, 1])))
make_head(8, spaces.MultiBinary(3))
register_core(int)
register_core(another("cfc"))
population.PolicyPopulation([])
spectral_radius(0)
spectral_radius(8, 9)
spectral_radius(8, 4, 1.0)
spectral_radius(8, 4, 0.0, "uniform")
jacobian_radius("lsm", 8)
export_layer(LRSRNN(5, 7), "layer.bin")
export_layer(LRSRNN(5, 7), "layer.onnx", "pt2")
export_layer(LRSRNN(5, 7), "layer.pt2", "onnx")
export_program(torch.nn.LSTM(5, 7))
export_program(LRSGRU(5, 7), timespans=True)
truncate_layer(LRSCfC(5, 7, rank=2), 3)
prune_layer(LRSCfC(5, 7, sparsity=0.5), 0.5)
freeze_gate(LRSCfC(5, 7, mode="pure"), [])
freeze_gate(LRSCfC(5, 7, gate="removed"), [])
freeze_gate(LRSCfC(5, 7), [])
from_ncps(torch.nn.LSTM(5, 7))
from_ncps(ncps.torch.LTC(5, 7))
""".strip().splitlines()

ELSEWHERE = {
    ("_ragged.py", "run_lengths"),  # in a graph that is captured
    ("choices.py", "load_plugins"),  # with a package that cannot be imported
    ("export.py", "write_onnx"),  # without onnxscript, and with weights of gigabytes
    ("export.py", "_write_aotinductor"),  # without a compiler
}
"""What takes more than a call, and is refused in tests of its own."""


def another(name: str) -> type:
    """Somebody else's core of a name."""
    found = type("Another", (room.cores.GRU,), {"name": name, "__module__": "mine"})
    return dataclass(frozen=True)(found)


@pytest.fixture(scope="module")
def known() -> dict[str, object]:
    vector, frames = spaces.Box(-1, 1, (5,)), spaces.Box(0, 255, (2, 84, 84), np.uint8)
    packed = torch.nn.utils.rnn.pack_padded_sequence(torch.zeros(4, 3, 5), [4, 2, 1])
    policy = room.build_policy({"core": "gru"}, vector, vector)
    modules = (choices, compression, connectivity, population)
    named = {module.__name__.rpartition(".")[2]: module for module in modules}
    return {
        **vars(room), **named, "np": np, "torch": torch, "ncps": ncps, "spaces": spaces,
        "zeros": torch.zeros, "vector": vector, "frames": frames, "packed": packed,
        "policy": policy, "another": another,
    }  # fmt: skip


def test_every_sentence_is_the_approved_one_and_every_check_refuses_something(known):
    """One test, since the second half needs to know what the first has seen."""
    told, seen = [], set()
    for call in REFUSED:
        with pytest.raises(LrsError) as caught:
            eval(call, known)
        sentence = str(caught.value)
        assert "\n" not in sentence, call
        told += [call, f"    {type(caught.value).__name__}: {sentence}"]
        seen |= set(lines(caught.value.__traceback__))
    compare(APPROVED, "\n".join(told) + "\n")
    silent = [
        f"{file}:{first} in {function}"
        for file, function, first, last in refusals()
        if (file, function) not in ELSEWHERE
        and not any((file, line) in seen for line in range(first, last + 1))
    ]
    assert not silent, f"nothing above is refused by {', '.join(silent)}"
    assert another("cfc") not in CORES.classes()


def lines(trace: TracebackType | None) -> Iterator[tuple[str, int]]:
    """Where in this room an error came from, call by call."""
    while trace is not None:
        file = Path(trace.tb_frame.f_code.co_filename)
        if file.is_relative_to(FOLDER):
            yield file.relative_to(FOLDER).as_posix(), trace.tb_lineno
        trace = trace.tb_next


def refusals() -> Iterator[tuple[str, str, int, int]]:
    """Every check and every error of this room: file, function, first and last line."""
    for path in sorted(FOLDER.rglob("*.py")):
        file = path.relative_to(FOLDER).as_posix()
        if file == "_checks.py":
            continue
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(function, ast.FunctionDef):
                for node in ast.walk(function):
                    if is_refusal(node):
                        yield file, function.name, node.lineno, node.end_lineno


def is_refusal(node: ast.AST) -> bool:
    if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
        return isinstance(node.exc.func, ast.Name) and node.exc.func.id != "NotImplementedError"
    called = node.func if isinstance(node, ast.Call) else None
    return (
        isinstance(called, ast.Attribute)
        and isinstance(called.value, ast.Name)
        and called.value.id == "_checks"
    )
