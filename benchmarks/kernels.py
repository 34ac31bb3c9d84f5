"""`python -m benchmarks kernels [--smoke] [--offline]`: scans on a CPU, and their peers.

Training and forward passes are of a layer: projection of the input and scan, in one walk (`ours
native`), and as a product with a scan after it (`ours native, projected before`). A GPU is measured
by `python -m benchmarks gpu`.

A speed-up is printed only for what agreed with the reference loop, in float64 and in float32, in
this very run. Results go to `benchmarks/results/kernels_cpu.csv`, one row per provider.
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
from lrs_kernels import explain
from lrs_lightning.options.call import call

MODES = ("training", "forward", "population", "step")

Row = dict[str, object]
Checked = dict[tuple[str, str], bool]
"""Whether a provider (cell, name) agreed with the reference loop."""


@dataclass(frozen=True)
class Options:
    """Measure scans beside their peers, where they agree with the reference loop.

    Writes `benchmarks/results/kernels_cpu.csv`.
    """

    smoke: bool = False
    """small shapes, 20 seconds"""
    threads: Sequence[PositiveInt] = (1, 2)
    """one after the other"""
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
    print(f"{device_name()}\n{explain('cpu')}")
    checked = {
        (cell, name): agrees(cell, backend)
        for cell in cases.SCANS
        for name, backend in cases.our_backends()
    }
    rows: list[Row] = []
    for threads in options.threads:
        torch.set_num_threads(threads)
        for mode in options.modes:
            rows += [{"threads": threads, **row} for row in MEASURES[mode](options, checked)]
    path = options.out or RESULTS / f"kernels_cpu{'_smoke' * options.smoke}.csv"
    write_csv(path, rows)
    print(f"\nwritten to {path}")
    if options.plot:
        from benchmarks.kernel_plot import plot

        print(f"drawn in {plot(rows, path.with_suffix('.svg'))}")


def _passes(options: Options, checked: Checked, train: bool) -> list[Row]:
    rows: list[Row] = []
    for case in cases.SMOKE if options.smoke else cases.TRAINING:
        for cell in options.cells:
            x = torch.randn(case.steps, case.batch, case.inputs)
            made = cases.layers(cell, case)
            calls = {name: _call(layer, x, train) for name, layer in made.items()}
            timings = _measure(calls, options, case)
            mode = "training" if train else "forward"
            rows += _report(mode, cell, case, timings, checked)
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
        for name, backend in cases.our_backends():
            # A table for each backend: what others allocate and free would disturb it.
            pair = _population_pair(case, backend)
            calls = {f"{name}, one launch": pair[0], f"{name}, {case.members} calls": pair[1]}
            for call_name in calls:
                checked["cfc", call_name] = checked["cfc", name]
            timings = _measure(calls, options, case)
            rows += _report("population", "cfc", case, timings, checked)
    return rows


def _population_pair(
    case: cases.Case, backend: str
) -> tuple[Callable[[], object], Callable[[], object]]:
    def make(*lead: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        hidden, rank = case.hidden, cases.RANK
        x_proj = torch.randn(*lead, case.steps, case.batch, 3 * hidden)
        w1 = torch.randn(*lead, 3, hidden, rank) / hidden**0.5
        w2 = torch.randn(*lead, 3, rank, hidden) / rank**0.5
        mask = (torch.rand(*lead, 3, hidden, hidden) < cases.DENSITY).float()
        return x_proj.requires_grad_(), w1.requires_grad_(), w2.requires_grad_(), mask

    def train(x_proj: Tensor, w1: Tensor, w2: Tensor, mask: Tensor) -> None:
        scan = cases.SCANS["cfc"][0]
        y = scan(x_proj, (w1, w2), mask=mask, backend=backend)[0]
        torch.autograd.grad(y.sum(), (x_proj, w1, w2))

    together, alone = make(case.members), [make() for _ in range(case.members)]
    return lambda: train(*together), lambda: [train(*member) for member in alone]


def _step(options: Options, checked: Checked) -> list[Row]:
    rows: list[Row] = []
    for hidden in (32,) if options.smoke else (64, 128, 256):
        case = cases.Case(1, 1, 32, hidden)
        calls = cases.step_providers(hidden, case.inputs)
        timings = interleave(calls, rounds=1000, warmup=50, seconds=options.seconds, inner=10)
        rows += _report("step", "all", case, timings, checked)
    return rows


def _measure(
    calls: dict[str, Callable[[], object]], options: Options, case: cases.Case
) -> dict[str, Timing]:
    # Several calls in a row: one alone would start in the caches that its predecessor left.
    inner = 5 if case.members * case.steps <= 32 else 1
    return interleave(calls, rounds=60, warmup=4, seconds=options.seconds, inner=inner)


def _report(
    mode: str,
    cell: str,
    case: cases.Case,
    timings: dict[str, Timing],
    checked: Checked,
) -> list[Row]:
    """Print one table and return its rows; the first provider is the one that is compared."""
    ours, threads = next(iter(timings)), torch.get_num_threads()
    passed = checked.get((cell, ours), mode == "step")
    print(f"\n{mode}, {cell}, {case.name}, {threads} thread(s)")
    rows: list[Row] = []
    for name, timing in timings.items():
        times = timing.p10 / timings[ours].p10
        verdict = f"{times:7.2f} x {ours}" if passed else "   differs from the reference"
        print(
            f"  {name:28s} p10 {timing.p10 * 1e3:9.4f} ms  median {timing.median * 1e3:9.4f} ms"
            f"  p90 {timing.p90 * 1e3:9.4f} ms  {verdict}"
        )
        rows.append({
            "mode": mode, "cell": cell, "case": case.name, "provider": name,
            "p10_ms": f"{timing.p10 * 1e3:.5f}", "median_ms": f"{timing.median * 1e3:.5f}",
            "p90_ms": f"{timing.p90 * 1e3:.5f}", "calls": timing.calls,
            "us_per_step": f"{timing.median * 1e6 / case.steps:.3f}",
            "times_first_provider": f"{times:.3f}" if passed else "",
        })  # fmt: skip
    return rows


MEASURES: dict[str, Callable[[Options, Checked], list[Row]]] = {
    "training": lambda options, checked: _passes(options, checked, True),
    "forward": lambda options, checked: _passes(options, checked, False),
    "population": _population,
    "step": _step,
}
