"""`sweep`: a declared grid, trained in populations, with one table of what came out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from jsonargparse.typing import NonNegativeFloat, PositiveInt

from lrs_lightning.commands import PROGRAM
from lrs_lightning.errors import ArgumentError, LrsError
from lrs_lightning.files import whole_file
from lrs_lightning.locking import alone_in
from lrs_lightning.options.call import call
from lrs_lightning.options.overlay import with_overlays
from lrs_lightning.training.sweep.launchers.needs import Needs

if TYPE_CHECKING:
    from lrs_lightning.training.sweep.launchers.launcher import Launcher
    from lrs_lightning.training.sweep.plan import Point, Run


def main(verb: str, arguments: list[str]) -> int:
    """Run the verb; see `--help`. Exit code 3 says that members stopped."""
    return int(call(sweep, f"{PROGRAM} {verb}", with_overlays("fit", arguments)))


def sweep(
    *,
    out: Path,
    fit: dict[str, Any] | None = None,
    grid: dict[str, Any] | None = None,
    arms: list[dict[str, Any]] | None = None,
    seeds: dict[str, Any] | None = None,
    members: PositiveInt = 25,
    plan: bool = False,
    search: Literal["optuna"] | None = None,
    trials: PositiveInt = 50,
    storage: str | None = None,
    launcher: Literal["local", "ray"] = "local",
    address: str | None = None,
    cpus: PositiveInt = 1,
    gpus: NonNegativeFloat = 0.0,
) -> int:
    """Train every arm with every combination of a grid and of seeds, and gather the results.

    Whatever `fit` takes can be swept. Members of one shape are trained side by side. Run again with
    the same --out it goes on where it stopped.

    Args:
        out: folder of the sweep
        fit: what all have in common: a configuration of fit; later words change single keys of it
        grid: key and its values; short names as in docs/populations.md
        arms: named lists of keys and values, each crossed with the grid
        seeds: key and its values, crossed with each other and with all the rest
        members: at most so many are trained side by side
        plan: check all configurations, say what would be trained, and end
        search: let Optuna choose points of the grid, whose values may also be ranges
        trials: how many points a search tries
        storage: address of a search's study; a file in --out by default
        launcher: where runs are trained: on this machine, one after the other, or on a Ray cluster
        address: of the cluster: HOST:PORT of its head, or auto
        cpus: that each run takes on a cluster
        gpus: that each run takes on a cluster: 1, a share of one, or 0
    """
    needs = Needs(int(cpus), gpus)
    base = needs.applied(fit or {}) if launcher == "ray" else fit or {}
    if search is not None:
        declared: dict[str, Any] = {"fit": fit, "grid": grid, "seeds": seeds}
        declared["members"] = int(members)
        if arms or plan:
            raise ArgumentError(
                "a search has neither arms nor --plan: its grid is what it searches"
            )
        with _launched(launcher, address, needs, out) as trainer:
            return _search(trainer, out, declared, base, int(trials), storage)
    from lrs_lightning.training.sweep.plan import points_of, runs_of
    from lrs_lightning.training.sweep.running import Sweep, is_finished

    points = points_of(grid or {}, arms or [], seeds or {})
    runs = runs_of(points, base, members)
    _check([run for run in runs if plan or not is_finished(out, run)])
    if plan:
        for run in runs:
            print(f"run {run.name}: {', '.join(point.name for point in run.points)}")
        print(f"{len(points)} members in {len(runs)} runs")
        return 0
    keys = list(dict.fromkeys(key for point in points for key in point.cell))
    declared = {"fit": fit, "grid": grid, "arms": arms, "seeds": seeds, "members": int(members)}

    def on_finished() -> None:
        _tables(out, study.finished(), keys)

    with _launched(launcher, address, needs, out) as trainer:
        study = Sweep(out, runs, trainer, on_finished=on_finished)
        study.declare(declared)
        code = study.train()
    if study.finished():
        _gather(out, study.finished(), keys)
    return code


def _check(runs: Sequence[Run]) -> None:
    """Refuse a run that `fit` would refuse, before the first is trained.

    Raises:
        ArgumentError: names the run, and what its configuration gets wrong.
    """
    from lrs_lightning.commands.fit import quieten
    from lrs_lightning.training.dry_run import check_configuration

    quieten()
    for run in runs:
        try:
            check_configuration(run.configuration)
        except LrsError as error:
            raise ArgumentError(f"run {run.name} ({run.points[0].name}, ...): {error}") from error


def _search(
    trainer: Launcher,
    out: Path,
    declared: Mapping[str, Any],
    base: Mapping[str, Any],
    trials: int,
    storage: str | None,
) -> int:
    """Let Optuna choose, and write the front beside the other tables."""
    from lrs_lightning.training.sweep.running import Sweep
    from lrs_lightning.training.sweep.search import Search
    from lrs_lightning.training.sweep.table import write_lines

    study = Sweep(out, [], trainer)
    study.declare({"search": "optuna", **declared})
    grid, seeds = (dict(declared[key] or {}) for key in ("grid", "seeds"))
    search = Search(grid, seeds, base, declared["members"], out, storage)
    code = search.batches(trials, lambda runs: replace(study, runs=runs).train())
    if code in (0, 3):
        where = [(point, study.member(run, point)) for run, point in search.points()]
        _gather(out, where, ["trial", *grid], maps=False)
        front = search.front()
        write_lines(out / "pareto", front)
        print(f"Pareto front: {len(front)} of {trials} trials, {out}/pareto.csv")
    return code


@contextmanager
def _launched(name: str, address: str | None, needs: Needs, out: Path) -> Iterator[Launcher]:
    """A launcher, and the folder of the sweep for this process alone."""
    from lrs_lightning.training.sweep.launchers.choice import launcher_of

    with launcher_of(name, _fit, address, needs) as launcher, alone_in(out):
        launcher.claim(out)
        yield launcher


def _fit(words: list[str]) -> int:
    """Train a run, on whichever machine this is."""
    from lrs_lightning.commands.fit import main as fit_main

    return fit_main("fit", ["--quiet", *words])


def _tables(
    out: Path, where: Sequence[tuple[Point, Path]], keys: Sequence[str]
) -> list[dict[str, Any]]:
    """Write a line for each member and for each cell; the cells are returned."""
    from lrs_lightning.training.sweep.table import (
        cell_lines,
        has_stopped,
        member_lines,
        write_lines,
    )

    lines = member_lines(where)
    cells = cell_lines(lines, keys, [point.cell for point, own in where if has_stopped(own)])
    write_lines(out / "members", lines)
    write_lines(out / "cells", cells)
    return cells


def _gather(
    out: Path, where: Sequence[tuple[Point, Path]], keys: Sequence[str], maps: bool = True
) -> None:
    """Write tables, maps and report."""
    from lrs_lightning.report import write_report

    cells = _tables(out, where, keys)
    drawn = _draw_maps(out, cells) if maps and {"rank", "sparsity"} <= set(keys) else 0
    of_task: dict[str, dict[str, list[str]]] = {}  # task -> method -> runs
    for point, folder in where:
        if (folder / "summary.json").is_file():
            methods = of_task.setdefault(_task(folder), {})
            methods.setdefault(point.method, []).append(str(folder))
    for task, methods in of_task.items():
        name = "report.html" if len(of_task) == 1 else f"report-{task.replace('/', '-')}.html"
        write_report([run for runs in methods.values() for run in runs], out / name, methods)
    print(f"results: {out}/members.csv and cells.csv, {drawn} maps, {len(of_task)} report(s)")


def _task(folder: Path) -> str:
    from lrs_lightning.statistics.summary import Summary

    return Summary.read(folder).env


def _draw_maps(out: Path, cells: Sequence[Mapping[str, Any]]) -> int:
    """A map of each quantity, for the clean world and the worst shift; one for each other cell."""
    from lrs_lightning.report.plots.plane_map import plane_map
    from lrs_lightning.statistics.returns import CLEAN
    from lrs_lightning.training.population.section import name_of
    from lrs_lightning.training.sweep.table import QUANTITIES, WORST

    known = {"rank", "sparsity", "condition", "seeds", "stopped"}
    known |= {f"{quantity}{end}" for quantity in QUANTITIES for end in ("", "_low", "_high")}
    planes: dict[str, list[Mapping[str, Any]]] = {}
    for cell in cells:
        if cell["condition"] in (CLEAN, WORST):
            others = {key: value for key, value in cell.items() if key not in known}
            title = ", ".join(filter(None, [name_of(others) if others else "", cell["condition"]]))
            planes.setdefault(title, []).append(cell)
    for title, own in planes.items():
        for quantity in QUANTITIES:
            figure = plane_map(own, quantity, f"{quantity.replace('_', ' ')}: {title}")
            name = f"{quantity}-{title}".replace(" ", "-").replace("/", "-")
            with whole_file(out / "maps" / f"{name}.png") as unfinished:
                figure.savefig(unfinished, dpi=150)
    return len(planes) * len(QUANTITIES)
