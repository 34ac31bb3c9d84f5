"""Layers against their peers: one training update, and the price of the prior.

`python -m benchmarks layers [--threads N] [--smoke]`. An update is forward and backward of the
public layer, `(B, T, I)` in and out, all parameters and no input gradient; on a CPU projection and
recurrence are one node of the graph (`lrs_kernels.recurrent_layer`). A speed-up is printed
only after the peer's weights, loaded into our layer, gave the same output and gradients in this
run.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import ncps.torch
import torch
from jsonargparse.typing import PositiveInt
from ncps.wirings import AutoNCP
from torch import Tensor, nn

from benchmarks._provenance import RESULTS, device_name, write_csv
from benchmarks._timing import Timing, interleave, ratio
from lrs_lightning.nn import LRSGRU, LRSLSTM, LRSRNN, LRSCfC, LRSLayer, from_ncps
from lrs_lightning.options.call import call

CELLS: dict[str, type[LRSLayer]] = {"CfC": LRSCfC, "LSTM": LRSLSTM, "GRU": LRSGRU, "RNN": LRSRNN}
PEERS: dict[str, type[nn.Module]] = {"LSTM": nn.LSTM, "GRU": nn.GRU, "RNN": nn.RNN}
RANK, SPARSITY = 8, 0.5

Shape = tuple[int, int, int, int]
"""B, T, I, H"""
ROUNDS, SMOKE_ROUNDS = 60, 5

SHAPES = [
    (32, 32, 128, 64),
    (32, 256, 128, 64),
    (8, 32, 128, 64),
    (1, 32, 128, 64),
    (32, 32, 128, 128),
    (32, 32, 512, 256),
]


def peer(cell: str, inputs: int, hidden: int) -> nn.Module:
    """The layer people use today."""
    if cell == "CfC":
        theirs: nn.Module = ncps.torch.CfC(inputs, hidden, backbone_layers=0, backbone_units=0)
        return theirs
    return PEERS[cell](inputs, hidden, batch_first=True)


def check(cell: str, theirs: nn.Module, inputs: int, hidden: int) -> None:
    """Raise unless our dense layer with the peer's weights equals the peer."""
    if cell == "CfC":
        ours: nn.Module = from_ncps(theirs)
    else:
        ours = CELLS[cell](inputs, hidden, batch_first=True)
        ours.load_state_dict(theirs.state_dict())
    x = torch.randn(4, 7, inputs)
    results = []
    for module in (ours, theirs):
        leaf = x.clone().requires_grad_()
        y = module(leaf)[0]
        results.append((y, torch.autograd.grad(y.square().sum(), leaf)[0]))
    torch.testing.assert_close(results[0], results[1], rtol=1e-4, atol=1e-5)


def update(module: nn.Module, x: Tensor) -> Callable[[], None]:
    """One training update of a layer, without the optimiser."""
    upstream = torch.randn(x.shape[0], x.shape[1], module(x[:1, :1])[0].shape[-1])

    def run() -> None:
        for parameter in module.parameters():
            parameter.grad = None
        y: Tensor = module(x)[0]
        y.backward(upstream)

    return run


def measure(cell: str, shape: Shape, rounds: int) -> dict[str, Timing]:
    """Time one cell: ours with the prior and dense, the peer, and torch's LSTM."""
    batch, steps, inputs, hidden = shape
    x = torch.randn(batch, steps, inputs)
    theirs = peer(cell, inputs, hidden)
    check(cell, theirs, inputs, hidden)
    layer = CELLS[cell]
    modules = {
        "peer": theirs,
        "LSTM": nn.LSTM(inputs, hidden, batch_first=True),
        "dense": layer(inputs, hidden, batch_first=True),
        "prior": layer(inputs, hidden, rank=RANK, sparsity=SPARSITY, batch_first=True),
        # The same once more: how far a ratio can be trusted.
        "again": layer(inputs, hidden, batch_first=True),
    }
    calls = {name: update(module, x) for name, module in modules.items()}
    # Several short calls in a row: one alone would start in the caches that its predecessor left.
    inner = 5 if steps <= 32 else 1
    return interleave(calls, rounds=rounds, warmup=2, seconds=8, inner=inner)


WITHOUT = {"backbone_layers": 0, "backbone_units": 0}
KINDS: dict[str, dict[str, Any]] = {
    "without backbone": WITHOUT,
    "backbone": {},
    "backbone of two": {"backbone_layers": 2},
    "mixed memory": WITHOUT | {"mixed_memory": True},
    "mixed memory and backbone": {"mixed_memory": True},
    "wired": {"units": AutoNCP(64, 8)},
    "wired, mixed memory": {"units": AutoNCP(64, 8), "mixed_memory": True},
}
"""What ncps can build, by the arguments of its CfC."""


def imported(rounds: int) -> list[dict[str, object]]:
    """Every kind of ncps' CfC beside what `from_ncps` makes of it, B = 32, T = 32, I = 128."""
    rows: list[dict[str, object]] = []
    for name, options in KINDS.items():
        theirs = ncps.torch.CfC(128, **{"units": 64} | options)
        ours, x = from_ncps(theirs), torch.randn(32, 32, 128)
        torch.testing.assert_close(ours(x)[0], theirs(x)[0], rtol=1e-4, atol=1e-5)
        calls = {"ncps": update(theirs, x), "ours": update(ours, x)}
        timings = interleave(calls, rounds=rounds, warmup=2, seconds=4)
        speed_up = round(ratio(timings["ncps"], timings["ours"]), 2)
        rows.append({"kind": name, "threads": torch.get_num_threads(), "ncps_over_ours": speed_up})
        print(f"imported from ncps, {name}: ncps / ours {speed_up}", flush=True)
    return rows


def construct() -> list[dict[str, object]]:
    """Seconds to build a large layer: singular value decompositions of four gates."""
    rows: list[dict[str, object]] = []
    for init in ("orthogonal", "glorot"):
        taken = []
        for _ in range(3):
            start = time.perf_counter()
            LRSLSTM(64, 512, rank=32, sparsity=SPARSITY, init=init)
            taken.append(time.perf_counter() - start)
        rows.append({"init": init, "seconds": round(min(taken), 3)})
        print(f"construction, H = 512, r = 32, 4 gates, {init}: {min(taken):.3f} s")
    return rows


def row(cell: str, shape: Shape, timings: dict[str, Timing], digits: int = 2) -> dict[str, object]:
    """One line of the table, in milliseconds and ratios of tenth percentiles."""
    prior, dense = timings["prior"], timings["dense"]
    return {
        "threads": torch.get_num_threads(),
        "cell": cell,
        **dict(zip(("B", "T", "I", "H"), shape, strict=True)),
        **{f"{name}_ms": round(1e3 * timing.p10, 3) for name, timing in timings.items()},
        "peer_over_prior": round(ratio(timings["peer"], prior), digits),
        "prior_over_lstm": round(ratio(prior, timings["LSTM"]), digits),
        "prior_over_dense": round(ratio(prior, dense), 3),
        "again_over_dense": round(ratio(timings["again"], dense), 3),
    }


def main(arguments: list[str]) -> None:
    """Run the section; see `--help`."""
    call(run, "python -m benchmarks layers", arguments)


def run(*, threads: PositiveInt = 1, rounds: PositiveInt = ROUNDS, smoke: bool = False) -> None:
    """Measure a training update of each layer beside its dense form, torch.nn.LSTM and ncps.

    Writes `results/layers_N_threads.csv`, `results/layers_ncps_N_threads.csv` and
    `results/layers_construction.csv`.

    Args:
        threads: threads of torch
        rounds: measurements of each layer, as far as 8 seconds reach
        smoke: five rounds, nothing stored
    """
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    print(f"{device_name()}, torch {torch.__version__}, {threads} thread(s)")
    built = construct()
    rounds = SMOKE_ROUNDS if smoke else rounds
    kinds = imported(rounds)
    rows = []
    for shape in SHAPES[:1] if smoke else SHAPES:
        for cell in CELLS:
            rows.append(row(cell, shape, measure(cell, shape, rounds)))
            print("  ".join(f"{name} {value}" for name, value in rows[-1].items()), flush=True)
    if not smoke:
        write_csv(RESULTS / f"layers_{threads}_threads.csv", rows)
        write_csv(RESULTS / f"layers_ncps_{threads}_threads.csv", kinds)
        write_csv(RESULTS / "layers_construction.csv", built)
