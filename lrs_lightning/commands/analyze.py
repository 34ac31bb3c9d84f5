"""`analyze`: see why policies hold up, or what theory says of them at the start."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from jsonargparse.typing import NonNegativeInt, PositiveInt

from lrs_lightning.commands import PROGRAM
from lrs_lightning.errors import ArgumentError, nearest
from lrs_lightning.options.call import call

THEORY = "theory"


def main(verb: str, arguments: list[str]) -> int:
    """Run the verb; see `--help`. `analyze theory` draws the closed forms."""
    words = list(arguments)
    for word in (THEORY, f"--{THEORY}"):
        if word in words[:1]:
            return int(call(theory, f"{PROGRAM} {verb} {THEORY}", words[1:]))
    return int(call(analyze, f"{PROGRAM} {verb}", words))


def analyze(
    runs: list[str],
    /,
    *,
    shift: list[str] | None = None,
    trajectory: Literal["own", "common", "both"] = "both",
    episodes: PositiveInt = 10,
    steps: PositiveInt = 1000,
    expert: str = "shipped",
    seed: int = 10_000,
    counterfactual: bool = False,
    burn_in: NonNegativeInt = 50,
    threads: PositiveInt | None = None,
    out: Path | None = None,
) -> int:
    """See why trained policies hold up: weights, Jacobians, memory, gates, trajectories.

    Writes figures (PNG and SVG), a tidy table and TensorBoard panels into the folder `analysis` of
    each run, whose report shows them. Several runs are compared on the common trajectory, and six
    or more with a summary.json have their proxies correlated with robustness. `analyze theory`
    draws the closed forms at initialisation.

    Args:
        runs: run folders or checkpoints of one task, or a folder of run folders
        shift: shifted worlds to look at, e.g. sensor_noise@2 mass@2; else noise
        trajectory: own play, the expert's play (common to all), or both
        episodes: episodes of each
        steps: steps of an episode that are looked at
        expert: who plays the common trajectory: 'shipped' or a path
        seed: evaluation seed: where episodes start
        counterfactual: play the shifts with one gate at a time reading clean sensors
        burn_in: steps at the start of an episode that are left out
        threads: of the environments and of the measurements; else all
        out: folder of the comparison of several runs; else runs/analysis
    """
    from lrs_lightning.analysis.dynamics import DynamicsOptions
    from lrs_lightning.commands.analyze_compare import compare_runs
    from lrs_lightning.commands.analyze_paths import run_folders
    from lrs_lightning.commands.analyze_runs import Request, run_all

    for run in runs:
        if not Path(run).exists() and nearest(run, [THEORY]) is not None:
            raise ArgumentError(f"no run at {run}: did you mean `analyze {THEORY}`?")
    request = Request(
        shift, trajectory, episodes, steps, expert, seed, threads,
        DynamicsOptions(burn_in=burn_in, threads=threads),
    )  # fmt: skip
    found = run_all(run_folders(runs), request, counterfactual)
    if len(found) > 1:
        compare_runs(found, shift, out or Path("runs") / "analysis")
    return 0


def theory(
    *,
    hidden_size: PositiveInt = 64,
    draws: PositiveInt = 40,
    jacobian_draws: PositiveInt = 8,
    seed: int = 0,
    out: Path = Path("runs") / "theory",
) -> int:
    """Draw radius, norm and decay of W_rec(r, s), and each cell's Jacobian at rest.

    Closed forms beside drawn matrices and layers, orthogonal and Glorot, over the plane of rank and
    sparsity.

    Args:
        hidden_size: units
        draws: matrices at each place of the plane, at least 2
        jacobian_draws: layers at each place of the plane, at least 2
        seed: of weights and masks
        out: folder for figures
    """
    from lrs_lightning.analysis import figures, plane
    from lrs_lightning.analysis.folder import write_folder

    points, decays = plane.drawn_matrices(hidden_size, draws, seed=seed)
    resting = plane.resting_jacobians(hidden_size, jacobian_draws, seed=seed)
    pictures = [
        figures.plane(points, "radius", hidden_size),
        figures.plane(points, "norm", hidden_size),
        figures.decay(decays, hidden_size),
        figures.plane(resting, "jacobian", hidden_size),
    ]
    write_folder(out, pictures, about={"seed": seed})
    for one in pictures:
        print(one.caption)
    print(f"figures: {out}")
    return 0
