"""`import`: turn somebody else's demonstrations into a store."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lrs_lightning.commands import PROGRAM
from lrs_lightning.errors import ArgumentError
from lrs_lightning.options.call import call

if TYPE_CHECKING:
    from lrs_lightning.data.importers.importing import Understood


def main(verb: str, arguments: list[str]) -> int:
    """Run the verb; see `--help`. `import SRC ...` is `import --source SRC ...`."""
    if arguments and not arguments[0].startswith("-"):
        arguments = ["--source", *arguments]
    return int(call(import_, f"{PROGRAM} {verb}", arguments))


def import_(
    *,
    source: Path,
    out: Path | None = None,
    format: str = "auto",
    env: str | None = None,
    map: Path | None = None,
    option: Sequence[str] = (),
    dry_run: bool = False,
    quiet: bool = False,
) -> int:
    """Turn somebody else's demonstrations into a store that `fit --data.path` reads.

    A format that is not there is answered with those that are, your own packages' included.

    Args:
        source: file or folder; the word SRC behind the verb is the same
        out: folder of the store
        format: what the files are, e.g. csv, lerobot, minari; auto recognises them
        env: the task they are of; none where nobody has a simulator
        map: YAML file that says what the columns mean, where their names do not
        option: options of the format, each KEY=VALUE
        dry_run: show what was understood, and write nothing
        quiet: show no progress
    """
    from lrs_lightning.data.importers import import_demonstrations, understand

    if dry_run:
        print(page_of(understand(source, format, env, _options(option), map)))
        return 0
    if out is None:
        raise ArgumentError("--out is missing: name the folder of the store, or give --dry_run")

    def show(done: int) -> None:
        if sys.stderr.isatty() and not quiet:
            print(f"\r{done} episodes", end="", file=sys.stderr, flush=True)

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        store = import_demonstrations(source, out, format, env, _options(option), show, map)
    for warning in told:
        print(f"warning: {warning.message}", file=sys.stderr)
    size = store.bytes_on_disk / 1e6
    print(
        f"{len(store)} episodes of {store.task.env}, {store.manifest['steps']} steps: "
        f"{store.folder} ({size:.1f} MB)"
    )
    return 0


def page_of(found: Understood) -> str:
    """What `--dry_run` prints."""
    lines = [f"format: {found.format}", f"task: {found.task.env}, {_spaces(found)}"]
    if found.columns:
        shown = (f"{name} {shape or ''}".strip() for name, shape in found.columns.items())
        lines.append(f"columns: {', '.join(shown)}")
    if found.map is not None:
        lines += ["map:", *(f"  {line}" for line in found.map.to_yaml().splitlines())]
    lines.append(f"the first {len(found.episodes)} episodes:")
    for number, episode in enumerate(found.episodes[:5]):
        last = "" if episode.final is None else ", and one observation after the last action"
        lines.append(
            f"  {number}: {len(episode)} steps, return {episode.return_:.6g}, "
            f"{episode.origin.actor or 'no name'}{last}"
        )
    lines += [f"warning: {finding}" for finding in found.findings]
    lines.append("nothing was written")
    return "\n".join(lines)


def _spaces(found: Understood) -> str:
    task = found.task
    if task.actions is not None:
        done = f"{task.actions} discrete actions from {task.action_start}"
    else:
        done = f"{len(task.action_low)} actions from {min(task.action_low):g} to "
        done += f"{max(task.action_high):g}"
    return f"observations {task.observation_shape} of {task.observation_dtype}, {done}"


def _options(words: Sequence[str]) -> dict[str, str]:
    for word in words:
        if "=" not in word:
            raise ArgumentError(f"--option {word!r}: write KEY=VALUE")
    return dict(word.split("=", 1) for word in words)
