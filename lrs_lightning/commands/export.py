"""`export`: a trained policy as a file that runs elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from jsonargparse.typing import PositiveFloat

from lrs_lightning.commands import PROGRAM
from lrs_lightning.errors import LrsError
from lrs_lightning.options.call import call

if TYPE_CHECKING:
    from lrs_lightning.deployment import Card
    from lrs_lightning.statistics import Summary
    from lrs_lightning.training.loading import TrainedPolicy


def main(verb: str, arguments: list[str]) -> int:
    """Run the verb; see `--help`."""
    return int(call(export, f"{PROGRAM} {verb}", arguments))


def export(
    run: Path,
    /,
    *,
    format: str = "onnx",
    out: Path | None = None,
    dt: bool = False,
    no_reset: bool = False,
    tolerance: PositiveFloat = 1e-5,
) -> int:
    """Write a trained policy as a file that runs without this package, with its model card.

    One step (observation, state) -> (action, state), normalisation inside. Before it is released
    the file runs beside the policy for 1,000 steps; one that does not agree is not written.

    Args:
        run: run folder, or checkpoint
        format: onnx, pt2 (a program of PyTorch) or numpy (weights and one module)
        out: folder; else export/FORMAT in the run folder
        dt: let it take the time since the last observation; CfC only, which does so in any case
            where its demonstrations were uneven in time
        no_reset: leave out the input that says where an episode begins; whoever runs the file
            zeroes the state there, and a step takes less time
        tolerance: largest difference from the policy that is allowed
    """
    from lrs_lightning.deployment import export_policy
    from lrs_lightning.training.loading import load_policy

    trained = load_policy(run)
    folder = out or trained.path.parent.parent / "export" / format
    exported = export_policy(
        trained.policy,
        trained.task,
        folder,
        format,
        dt=dt,
        reset=not no_reset,
        tolerance=tolerance,
        card=_card(trained),
    )
    found = exported.agreement
    print(
        f"{exported.path} ({exported.path.stat().st_size / 1e3:.0f} kB): off by at most "
        f"{found.difference:.1e} in {found.steps:,} steps of {found.rows} episodes ({found.world})"
    )
    if (unit := trained.task.time_unit) is not None and exported.interface.dt:
        print(f"it learned from uneven steps: dt is the time since the last one over {unit:g} s")
    return 0


def _card(trained: TrainedPolicy) -> Card:
    """What the run folder says of the policy; what is not there, or not whole, is left out."""
    from lrs_lightning.deployment import Card
    from lrs_lightning.training.candidate import run_name

    folder = trained.path.parent.parent
    summary = _summary(folder, trained)
    expert = {} if summary is None else {"expert": summary.provenance.get("expert", "unknown")}
    data = {**_data(folder), **expert}
    learning = {k: v for k, v in trained.hyper_parameters.items() if k != "policy"}
    return Card(run_name(trained.path), {**data, **learning}, summary)


def _summary(folder: Path, trained: TrainedPolicy) -> Summary | None:
    """The results in the run folder, if they are those of just these weights."""
    from lrs_lightning.evaluation.identity import fingerprint
    from lrs_lightning.rollout import TorchPolicy
    from lrs_lightning.statistics import Summary, read_results

    try:
        summary = Summary.read(folder)
        rows = [r for r in read_results(folder / "results.jsonl") if r["policy"] == summary.name]
    except LrsError:
        return None
    step = summary.provenance.get("step")
    own = fingerprint(TorchPolicy(trained.policy, trained.task.action_space))
    judged = {row.get("policy_id") for row in rows if row.get("step") == step}
    return summary if judged == {own} else None


def _data(folder: Path) -> dict[str, Any]:
    """The section `data` of the run's configuration, as plain values; nothing in it is run."""
    from lrs_lightning.documents import read_yaml

    file = folder / "config.yaml"
    if file.is_symlink() or not file.is_file():
        return {}
    try:
        data = read_yaml(file, dict[str, Any], "").get("data")
    except LrsError:
        return {}
    return {k: v for k, v in data.items() if v is not None} if isinstance(data, dict) else {}
