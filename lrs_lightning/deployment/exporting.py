"""From a policy to a folder that can be carried away: the file, what runs it, and its card.

The file is checked before it takes its name: one that does not agree with the policy is never
there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from lrs_lightning.data import Task
from lrs_lightning.deployment.card import Card
from lrs_lightning.deployment.formats import find_format
from lrs_lightning.deployment.interface import Interface, knows_time
from lrs_lightning.deployment.parity import Agreement, agreement
from lrs_lightning.errors import ArgumentError, DataError, NotFiniteError
from lrs_lightning.files import whole_file, write_whole
from lrs_lightning.nn import RecurrentPolicy
from lrs_lightning.rollout.torch_policy import evaluating, torch_threads

TOLERANCE = 1e-5


@dataclass(frozen=True)
class Exported:
    """What was written.

    Args:
        path: the policy's file.
        interface: what it is called with.
        agreement: how far it is from the policy.
    """

    path: Path
    interface: Interface
    agreement: Agreement


def export_policy(
    policy: RecurrentPolicy,
    task: Task,
    folder: str | Path,
    format: str = "onnx",
    *,
    dt: bool = False,
    reset: bool = True,
    tolerance: float = TOLERANCE,
    card: Card | None = None,
) -> Exported:
    """Write one step of a policy, `(observation, state, [dt], [reset]) -> (action, state)`.

    Observations are raw: normalisation is inside. The number of rows stays open.

    Args:
        policy: what acts, on the CPU.
        task: what it was made for.
        folder: receives the file, what is used with it, and `README.md`, its card.
        format: `"onnx"`, `"pt2"` (a program of PyTorch) or `"numpy"`.
        dt: whether it takes the time since the last observation; only for a CfC. One that learned
            from uneven steps always does.
        reset: whether it takes where episodes begin, and zeroes the state there; else its caller
            does, and a step takes two operations less.
        tolerance: largest difference from the policy over 1,000 steps, relative to outputs above 1.
        card: what is known of the policy beside its weights.

    Raises:
        ArgumentError: an unknown format, `dt` for a policy that knows no time, `reset=False` for
            `"numpy"`, something that the format needs is not installed, a part of the policy that
            it cannot hold, or a file that does not agree with the policy, which is then not
            written.
        DataError: a file cannot be written.

    Example:
        >>> import tempfile
        >>> from gymnasium.spaces import Box
        >>> from lrs_lightning.nn import build_policy
        >>> task = Task.of("MyRobot-v0", Box(-1, 1, (5,)), Box(-1, 1, (2,)))
        >>> policy = build_policy({"core": "gru"}, task.observation_space, task.action_space)
        >>> exported = export_policy(policy, task, tempfile.mkdtemp(), "numpy")
        >>> exported.path.name, exported.agreement.difference < 1e-5
        ('policy.npz', True)
    """
    chosen, folder = find_format(format), Path(folder)
    if dt and not knows_time(policy):
        raise ArgumentError(
            "dt was asked for, and the policy knows no time between steps: leave it out, or "
            "train a CfC"
        )
    if not reset and format == "numpy":
        raise ArgumentError(
            "format 'numpy' zeroes its state outside of the network, where that costs nothing, and "
            "has no form without `reset`: leave out --no_reset"
        )
    dt = dt or (task.time_unit is not None and knows_time(policy))
    interface, path = Interface.of(policy, task, dt, reset), folder / chosen.file
    with (
        _no_empty_folder(folder),
        evaluating(policy),
        torch_threads(1),
        whole_file(path) as unfinished,
    ):
        chosen.write(policy, interface, unfinished)
        try:
            found = agreement(policy, chosen.open(unfinished, interface), interface)
        except NotFiniteError as error:
            raise ArgumentError(f"{path} was not written: {error}") from error
        except DataError as error:
            reason = str(error).replace(str(unfinished), path.name)
            raise ArgumentError(f"{path} was not written, since it is wrong: {reason}") from error
        if not found.difference <= tolerance:
            raise ArgumentError(
                f"{path} was not written: it is off by {found.difference:.1e} at step {found.step} "
                f"of {found.steps} ({found.world}), and {tolerance:.0e} is allowed"
            )
        for name, text in chosen.beside().items():
            write_whole(folder / name, text)
        told = (card or Card()).text(interface, chosen, found)
        write_whole(folder / "README.md", told)
    return Exported(path, interface, found)


@contextmanager
def _no_empty_folder(folder: Path) -> Iterator[None]:
    """Take away the folders that were made for a file that was not written."""
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        yield
    except BaseException:
        for path in made:
            with suppress(OSError):  # somebody has put something there
                path.rmdir()
        raise
