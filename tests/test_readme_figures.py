"""Figures of the README and of other pages are those of the tables of benchmarks."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from benchmarks.dagger import differences
from benchmarks.layer_runs import RATIO, summed_up

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
SIZES = {"B": "32", "T": "32", "I": "128", "H": "64"}


def rows(name: str, **wanted: str) -> list[dict[str, str]]:
    """The rows of a table that have these values."""
    with (RESULTS / f"{name}.csv").open() as file:
        return [row for row in csv.DictReader(file) if wanted.items() <= row.items()]


def value(column: str, name: str, **wanted: str) -> float:
    """A number of the one row that has these values."""
    (row,) = rows(name, **wanted)
    return float(row[column])


def clean(case: str) -> str:
    """Shares of the expert's clean return, by training seed."""
    found = rows("training", case=case, condition="clean")
    return ", ".join(f"{float(row['expert_normalized']):.3f}" for row in found)


def step(provider: str, threads: str) -> float:
    """Time of a provider in units of the CfC scan's own."""
    case = {"mode": "training", "cell": "cfc", "case": "B32 T32 I128 H64", "threads": threads}
    ours = value("p10_ms", "kernels_cpu", provider="ours native", **case)
    return value("p10_ms", "kernels_cpu", provider=provider, **case) / ours


def layer(column: str, threads: str, cell: str = "CfC", **sizes: str) -> float:
    return value(column, f"layers_{threads}_threads", cell=cell, **(SIZES | sizes))


def score(game: str) -> str:
    """Mean and deviation of a shipped expert with sticky actions."""
    folder = ROOT / "lrs_lightning" / "experts" / "shipped"
    told = json.loads((folder / f"ALE-{game}-v5.json").read_text())["evaluation"]
    return f"{told['return_mean']:,.0f} (sd {told['return_sd']:.0f})"


def of_threads(form: str, figure) -> str:
    return " and ".join(format(figure(threads), form) for threads in ("1", "2"))


def seconds() -> str:
    row = rows("evaluation", policy="LRS-CfC")[0]
    median, worst = float(row["seconds_median"]), float(row["seconds_worst"])
    return f"median {median:.1f} s, worst of {row['rounds']} {worst:.1f} s"


def population(threads: str) -> float:
    return value("single_over_this", "population", provider=f"population, {threads} threads")


def figures() -> Iterator[tuple[str, str]]:
    """What the README says of each figure."""
    yield "clean return, share of the expert's, seeds 0, 1, 2", clean("default")
    yield "the same, dense", clean("dense")
    yield "positions only: LRS; dense", f"{clean('positions')}; {clean('positions, dense')}"
    yield (
        "training step of the CfC scan, ncps / ours, 1 and 2 threads",
        of_threads(".1f", lambda threads: step("ncps", threads)),
    )
    yield (
        "the same, ours / `torch.nn.LSTM`",
        of_threads(".2f", lambda threads: 1 / step("torch.nn.LSTM", threads)),
    )
    yield (
        "training step of the layer, ncps / ours, 1 and 2 threads",
        of_threads(".1f", lambda threads: layer("peer_over_prior", threads)),
    )
    yield (
        "the same, ours / `torch.nn.LSTM`; at batch 1",
        "; ".join(
            of_threads(".2f", lambda threads, b=batch: layer("prior_over_lstm", threads, B=b))
            for batch in ("32", "1")
        ),
    )
    yield (
        "an update of each of 25 policies, single loops / population, 1 and 2 threads",
        of_threads(".2f", population),
    )
    engine = value("times_sync", "rollout", task="HalfCheetah-v5", provider="engine", threads="2")
    yield "180 HalfCheetahs, engine / `SyncVectorEnv`", f"{engine:.2f}"
    yield (
        "shipped experts, 30 games, sticky 0.25: Seaquest; Breakout",
        f"{score('Seaquest')}; {score('Breakout')}",
    )
    yield "`paper` suite, 6 × 30 × 1,000 steps, report included", seconds()  # noqa: RUF001


@pytest.mark.parametrize(("figure", "measured"), figures())
def test_the_readme_says_what_was_measured(figure, measured):
    assert f"| {figure} | {measured} |" in (ROOT / "README.md").read_text()


def test_the_page_on_populations_says_what_was_measured():
    page = " ".join((ROOT / "docs" / "populations.md").read_text().split())
    took = {row["provider"]: float(row["wall_ms_p10"]) for row in rows("population")}
    single, one, two = took["single loops"], *(took[f"population, {t} threads"] for t in (1, 2))
    assert (
        f"a member's update took {single:.1f} ms in single loops, {one:.1f} ms in a population on "
        f"one thread and {two:.1f} ms on two: {population('1'):.2f} and {population('2'):.2f} times"
    ) in page
    alone, both = (f"its arithmetic, {threads} threads" for threads in (1, 2))
    fewest = value("single_over_this", "population", provider=both)
    assert (
        f"alone took {took[alone]:.1f} ms on one thread and {took[both]:.2f} ms on two, at the "
        f"rate of the fastest product there is here: {fewest:.1f} times less than single loops"
    ) in page
    each, together, simulator = rows("population_rollout")
    assert (
        f"{float(each['seconds_p10']):.1f} s asked one by one and "
        f"{float(together['seconds_p10']):.1f} s asked together, {together['each_over_this']} times"
    ) in page
    assert (
        f"takes {float(simulator['seconds_p10']):.1f} s for their actions, so that "
        f"{simulator['each_over_this']} is the most"
    ) in page


def test_the_page_on_layers_says_what_was_measured():
    page = " ".join((ROOT / "docs" / "layers" / "README.md").read_text().split())

    def of_lstm(cell: str, **sizes: str) -> str:
        return of_threads(".2f", lambda t: layer("prior_over_lstm", t, cell, **sizes))

    faster = of_threads(".1f", lambda t: layer("peer_over_prior", t)).split(" and ")
    assert (
        "was {} times faster than ncps' without backbone on one thread and {}".format(*faster)
        in page
    )
    assert (
        f"took {of_lstm('CfC')} of the time of `torch.nn.LSTM` ({of_lstm('CfC', T='256')} at T = "
        f"256; {of_lstm('CfC', B='1')} at B = 1). The LSTM took {of_lstm('LSTM')} of its time, at "
        f"B = 1 {of_lstm('LSTM', B='1')}, at H = 128 {of_lstm('LSTM', H='128')}, and at I = 512, "
        f"H = 256 {of_lstm('LSTM', I='512', H='256')}."
    ) in page
    every = rows("layers_1_threads") + rows("layers_2_threads")
    own = [row for row in every if row["cell"] != "CfC"]
    assert max(float(row["prior_over_lstm"]) for row in every) < 1, "behind torch's LSTM"
    assert min(float(row["peer_over_prior"]) for row in own) > 1, "behind torch's own"
    price = [float(row["prior_over_dense"]) for row in every]
    assert f"was {min(price):.2f} to {max(price):.2f} of the dense layer's" in page
    built = {row["init"]: float(row["seconds"]) for row in rows("layers_construction")}
    assert f"{built['orthogonal']:.2f} s (orthogonal) and {built['glorot']:.2f} s (Glorot)" in page


def test_the_page_on_layers_says_how_far_runs_lie_apart():
    page = " ".join((ROOT / "docs" / "layers" / "README.md").read_text().split())
    for threads in ("1", "2"):
        found = rows(f"layer_runs_{threads}_threads", threads=threads)
        assert summed_up([float(row[RATIO]) for row in found]) in page


def test_the_kernels_readme_says_what_one_walk_earns():
    page = (ROOT / "kernels" / "README.md").read_text()
    for batch, steps in ((32, 32), (32, 256), (8, 32), (1, 32)):
        case = {"mode": "training", "cell": "cfc", "case": f"B{batch} T{steps} I128 H64"}
        earned = [
            value("p10_ms", "kernels_cpu", provider="ours native, projected before", **own)
            / value("p10_ms", "kernels_cpu", provider="ours native", **own)
            for own in (case | {"threads": threads} for threads in ("1", "2"))
        ]
        assert f"| B {batch}, T {steps} | {earned[0]:.2f} | {earned[1]:.2f} |\n" in page


def test_pages_say_what_a_population_earns_on_a_gpu():
    took = {row["provider"]: float(row["wall_ms_median"]) for row in rows("population_gpu")}
    times = {row["provider"]: float(row["single_over_this"]) for row in rows("population_gpu")}
    single, alone, graph = (took[k] for k in ("single loops", "population", "population, graph"))
    page = (ROOT / "docs" / "populations.md").read_text()
    assert f"| u | {graph} ms as a CUDA graph, {alone:.3f} ms without, {single} ms one" in page
    assert (
        f"members took {times['population']:.0f} times less than 25 single ones, and "
        f"{times['population, graph']:.0f} times less as a CUDA graph"
    ) in page
    page = (ROOT / "kernels" / "README.md").read_text()
    assert (
        f"single loops {single:.2f} ms, the population {alone:.2f} ms, and as a CUDA graph "
        f"{graph:.2f} ms"
    ) in page


def test_the_page_on_deployment_says_how_long_a_decision_takes():
    took = {row["provider"]: row["p50_us"] for row in rows("step", cell="cfc", H="64")}
    names = ("numpy", "onnxruntime", "onnxruntime, no reset")
    cells = [f"{float(took['eager']):.0f}", *(took[name] for name in names)]
    page = (ROOT / "docs" / "deployment.md").read_text()
    assert f"| `benchmarks/results/step.csv` | {' | '.join(cells)} |\n" in page
    for table, name in product(("step", "step_gpu"), ("CfC", "LSTM", "GRU", "RNN")):
        of_cell = rows(table, cell=name.lower())
        for hidden in dict.fromkeys(row["H"] for row in of_cell):
            told = [_median_and_tail(row, table) for row in of_cell if row["H"] == hidden]
            assert f"| {name}, {hidden} | {' | '.join(told)} |\n" in page


def _median_and_tail(row: dict[str, str], table: str) -> str:
    median = float(row["p50_us"])
    digits = 0 if row["provider"] == "eager" or (table == "step_gpu" and median >= 50) else 1
    return f"{median:.{digits}f} ({float(row['p99_us']):,.0f})"


def test_the_page_on_demonstrations_says_what_was_measured():
    page = (ROOT / "docs" / "demonstrations.md").read_text()
    for condition in ("clean", "mass@2"):
        shares = [
            ", ".join(
                f"{float(row['expert_normalized']):.3f}"
                for row in rows("training", case=case, condition=condition)
            )
            for case in ("default", "no start share")
        ]
        assert f"| {condition} | {' | '.join(shares)} |\n" in page


def test_the_page_on_dagger_says_what_was_measured():
    found = rows("dagger")
    gained = dict(
        line.split(" seeds")[0].rsplit(", ", 1)[0].split(": ") for line in differences(found)
    )
    lines = [
        line
        for line in (ROOT / "docs" / "dagger.md").read_text().splitlines()
        if "@" in line or "clean |" in line
    ]
    conditions = dict.fromkeys(row["condition"] for row in found)
    assert len(lines) == len(conditions)
    for condition, line in zip(conditions, lines, strict=True):
        parts = [condition]
        for case in dict.fromkeys(row["case"] for row in found):
            shares = [
                float(r["expert_normalized"])
                for r in found
                if (r["case"], r["condition"]) == (case, condition)
            ]
            gain = gained.get(f"{case} - schedule, {condition}")
            parts += [f"{sum(shares) / len(shares):.3f}", *([gain] if gain else [])]
        assert line == f"| {' | '.join(parts)} |"
