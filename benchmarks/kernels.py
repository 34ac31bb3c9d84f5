"""`python -m benchmarks kernels [--smoke] [--device DEVICE] [--offline]`: scans and their peers.

Training and forward passes are of a layer: projection of the input and scan, on a CPU in one walk
(`ours native`), and as a product with a scan after it (`ours native, projected before`).

A speed-up is printed only for what agreed with the reference loop, in float64 and in float32, in
this very run. Results go to `benchmarks/results/kernels_<device>.csv`, one row per provider.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch
from jsonargparse.typing import PositiveFloat, PositiveInt
from torch import Tensor

from benchmarks import kernel_cases as cases
from benchmarks._provenance import RESULTS, device_name, write_csv
from benchmarks._timing import Timing, interleave
from benchmarks.kernel_check import agrees
from benchmarks.kernel_flashrnn import why_not as why_no_flashrnn
from benchmarks.kernel_floor import floor_share, peak_memory_mb
from lrs_kernels import explain
from lrs_lightning.options.call import call

MODES = ("training", "forward", "population", "step")

Row = dict[str, object]
Checked = dict[tuple[str, str], bool]
"""Whether a provider (cell, name) agreed with the reference loop."""


@dataclass(frozen=True)
class Options:
    """Measure scans beside their peers, where they agree with the reference loop.

    Writes `benchmarks/results/kernels_DEVICE.csv`.
    """

    smoke: bool = False
    """small shapes, 20 seconds"""
    device: str = "cuda" if torch.cuda.is_available() else "cpu"
    """cpu or cuda"""
    threads: Sequence[PositiveInt] = (1, 2)
    """threads on the CPU, one after the other"""
    modes: Sequence[Literal["training", "forward", "population", "step"]] = MODES
    """what is measured"""
    cells: Sequence[Literal["cfc", "lstm", "gru", "rnn"]] = tuple(cases.SCANS)
    """whose scans"""
    seconds: PositiveFloat = 6.0
    """for each table"""
    out: Path | None = None
    """the CSV file; else one in results/"""
    plot: bool = False
    """draw the table as well"""
    offline: bool = False
    """compile for sm_90, without a GPU, and measure nothing"""

    def in_small(self) -> Options:
        """What `--smoke` makes of it."""
        return replace(self, seconds=0.3, threads=(1,))


def main(arguments: list[str]) -> None:
    """Run the section; see `--help`."""
    options = call(Options, "python -m benchmarks kernels", arguments)
    if isinstance(options, Options):
        measure(options.in_small() if options.smoke else options)


def measure(options: Options) -> None:
    """Measure and write the table."""
    if options.offline:
        from benchmarks import offline_sm90

        offline_sm90.main([])
        return
    print(f"{device_name()}\n{explain(options.device)}")
    if "lstm" in options.cells and (reason := why_no_flashrnn(options.device)):
        print(f"flashrnn is left out: {reason}")
    checked = {
        (cell, name): agrees(cell, backend, precision, options.device)
        for cell in cases.SCANS
        for name, backend, precision in cases.our_backends(options.device)
    }
    rows: list[Row] = []
    for threads in (1,) if options.device == "cuda" else options.threads:
        torch.set_num_threads(threads)
        for mode in options.modes:
            rows += [{"threads": threads, **row} for row in MEASURES[mode](options, checked)]
    path = options.out or RESULTS / f"kernels_{options.device}{'_smoke' * options.smoke}.csv"
    write_csv(path, rows)
    print(f"\nwritten to {path}")
    if options.plot:
        from benchmarks.kernel_plot import plot

        print(f"drawn in {plot(rows, path.with_suffix('.svg'))}")


def _passes(options: Options, checked: Checked, train: bool) -> list[Row]:
    rows: list[Row] = []
    sizes = cases.TRAINING + cases.TRAINING_GPU * (options.device == "cuda")
    for case in cases.SMOKE if options.smoke else sizes:
        for cell in options.cells:
            x = torch.randn(case.steps, case.batch, case.inputs, device=options.device)
            made = cases.layers(cell, case, options.device)
            calls = {name: _call(layer, x, train) for name, layer in made.items()}
            timings = _measure(calls, options, case)
            mode = "training" if train else "forward"
            memory = peak_memory_mb(calls, options.device)
            rows += _report(mode, cell, case, timings, checked, memory)
    return rows


def _call(layer: Callable[[Tensor], Tensor], x: Tensor, train: bool) -> Callable[[], object]:
    if train:
        return lambda: layer(x).sum().backward()

    def forward() -> None:
        with torch.no_grad():
            layer(x)

    return forward


def _population(options: Options, checked: Checked) -> list[Row]:
    rows: list[Row] = []
    for case in cases.SMOKE_POPULATION if options.smoke else cases.POPULATION:
        for name, backend, precision in cases.our_backends(options.device):
            # A table for each backend: what others allocate and free would disturb it.
            pair = _population_pair(case, backend, precision, options.device)
            calls = {f"{name}, one launch": pair[0], f"{name}, {case.members} calls": pair[1]}
            for call_name in calls:
                checked["cfc", call_name] = checked["cfc", name]
            timings = _measure(calls, options, case)
            memory = peak_memory_mb(calls, options.device)
            rows += _report("population", "cfc", case, timings, checked, memory)
    return rows


def _population_pair(
    case: cases.Case, backend: str, precision: str | None, device: str
) -> tuple[Callable[[], object], Callable[[], object]]:
    def make(*lead: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        hidden, rank = case.hidden, cases.RANK
        x_proj = torch.randn(*lead, case.steps, case.batch, 3 * hidden, device=device)
        w1 = torch.randn(*lead, 3, hidden, rank, device=device) / hidden**0.5
        w2 = torch.randn(*lead, 3, rank, hidden, device=device) / rank**0.5
        mask = (torch.rand(*lead, 3, hidden, hidden, device=device) < cases.DENSITY).float()
        return x_proj.requires_grad_(), w1.requires_grad_(), w2.requires_grad_(), mask

    def train(x_proj: Tensor, w1: Tensor, w2: Tensor, mask: Tensor) -> None:
        scan = cases.SCANS["cfc"][0]
        y = scan(x_proj, (w1, w2), mask=mask, backend=backend, precision=precision)[0]
        torch.autograd.grad(y.sum(), (x_proj, w1, w2))

    together, alone = make(case.members), [make() for _ in range(case.members)]
    return lambda: train(*together), lambda: [train(*member) for member in alone]


def _step(options: Options, checked: Checked) -> list[Row]:
    rows: list[Row] = []
    for hidden in (32,) if options.smoke else (64, 128, 256):
        case = cases.Case(1, 1, 32, hidden)
        calls = cases.step_providers(hidden, case.inputs)
        timings = interleave(calls, rounds=1000, warmup=50, seconds=options.seconds, inner=10)
        rows += _report("step", "all", case, timings, checked, peak_memory_mb(calls, "cpu"))
    return rows


def _measure(
    calls: dict[str, Callable[[], object]], options: Options, case: cases.Case
) -> dict[str, Timing]:
    wait = torch.cuda.synchronize if options.device == "cuda" else None
    # Several calls in a row: one alone would start in the caches that its predecessor left.
    short = options.device == "cpu" and case.members * case.steps <= 32
    inner = 5 if short else 1
    given = {"warmup": 4, "seconds": options.seconds, "inner": inner}
    return interleave(calls, rounds=60, synchronize=wait, **given)


def _report(
    mode: str,
    cell: str,
    case: cases.Case,
    timings: dict[str, Timing],
    checked: Checked,
    memory: dict[str, str],
) -> list[Row]:
    """Print one table and return its rows; the first provider is the one that is compared.

    `memory` is as `peak_memory_mb` gives it, empty for what ran on a CPU.
    """
    ours, threads = next(iter(timings)), torch.get_num_threads()
    passed = checked.get((cell, ours), mode == "step")
    on_gpu = bool(memory[ours])
    print(f"\n{mode}, {cell}, {case.name}, {threads} thread(s)")
    rows: list[Row] = []
    for name, timing in timings.items():
        times = timing.p10 / timings[ours].p10
        verdict = f"{times:7.2f} x {ours}" if passed else "   differs from the reference"
        print(
            f"  {name:28s} p10 {timing.p10 * 1e3:9.4f} ms  median {timing.median * 1e3:9.4f} ms"
            f"  p90 {timing.p90 * 1e3:9.4f} ms  {verdict}"
        )
        share = floor_share(mode, cell, case, name, timing.median * 1e3) if on_gpu else ""
        rows.append({
            "mode": mode, "cell": cell, "case": case.name, "provider": name,
            "p10_ms": f"{timing.p10 * 1e3:.5f}", "median_ms": f"{timing.median * 1e3:.5f}",
            "p90_ms": f"{timing.p90 * 1e3:.5f}", "calls": timing.calls,
            "us_per_step": f"{timing.median * 1e6 / case.steps:.3f}",
            "peak_memory_mb": memory[name], "floor_share": share,
            "times_first_provider": f"{times:.3f}" if passed else "",
        })  # fmt: skip
    return rows


MEASURES: dict[str, Callable[[Options, Checked], list[Row]]] = {
    "training": lambda options, checked: _passes(options, checked, True),
    "forward": lambda options, checked: _passes(options, checked, False),
    "population": _population,
    "step": _step,
}
