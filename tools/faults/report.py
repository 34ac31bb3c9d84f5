"""The results as text: a table of rooms, and the faults that no test found."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from tools.faults.results import Judgement, Score

_HEAD = (
    "| room | possible | judged | equivalent | found | share | 95 % interval | seconds |",
    "|---|---|---|---|---|---|---|---|",
)


def table(scores: Iterable[Score]) -> list[str]:
    """A line of Markdown for each room."""
    return [*_HEAD, *map(_row, scores)]


def missed(judged: Sequence[Judgement], equivalent: Mapping[str, str]) -> list[str]:
    """The faults that no test found, then those that none can find, each with its change."""
    left = [j for j in judged if not j.is_found]
    real = [j for j in left if j.fault not in equivalent]
    equal = [j for j in left if j.fault in equivalent]
    lines = [f"Not found: {len(real)}", ""]
    for j in real:
        lines += _fault(j)
    lines += [f"Equivalent: {len(equal)}", ""]
    for j in equal:
        lines += [*_fault(j)[:-1], f"Nothing shows it: {equivalent[j.fault]}", ""]
    return lines


def doubts(judged: Iterable[Judgement], listed: Iterable[str], keys: Collection[str]) -> list[str]:
    """Entries of the list of equivalent faults that are wrong, or of code that is gone."""
    found = {j.fault: j.by for j in judged if j.is_found}
    entries = sorted(listed)
    lines = [
        f"{key}, listed as equivalent, is found by {found[key]}" for key in entries if key in found
    ]
    lines += [
        f"{key}, listed as equivalent, is no longer possible" for key in entries if key not in keys
    ]
    return lines


def _row(score: Score) -> str:
    low, high = score.interval
    return (
        f"| {score.room} | {score.possible:,} | {score.judged} | {score.equivalent} "
        f"| {score.found} | {score.share:.3f} | {low:.2f} to {high:.2f} | {score.seconds:.0f} |"
    )


def _fault(j: Judgement) -> list[str]:
    return [f"`{j.file}:{j.line}` ({j.fault})", "```diff", *j.change.splitlines(), "```", ""]
