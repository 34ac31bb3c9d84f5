"""What is shown of runs that nobody can play: errors on held-out episodes, and no closed loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from rich.table import Table

from lrs_lightning.documents import read_json
from lrs_lightning.files import write_whole
from lrs_lightning.report.html import Markup, element, escape, section, table

OFFLINE = "offline.json"
"""The file in a run folder that holds it."""
_WARNING = (
    "Nothing here was played. A policy that agrees with its demonstrations may still leave them in "
    "closed loop, where its own errors choose what it sees next."
)
_HEAD = (
    '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    '<meta name="color-scheme" content="light dark"><meta http-equiv="Content-Security-Policy" '
    "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
)


def is_offline(run: Path) -> bool:
    """Whether a run folder has errors on held-out episodes and no episodes that were played."""
    return (run / OFFLINE).is_file() and not (run / "results.jsonl").exists()


def write_offline_report(runs: Sequence[Path], out: Path) -> Path:
    """One HTML page of the errors of some runs.

    Raises:
        DataError: a file is damaged, or the page cannot be written.
    """
    found = {
        run.resolve().name: read_json(run / OFFLINE, dict[str, Any], "train again") for run in runs
    }
    return write_whole(out, _page(found))


def terminal_table(metrics: Mapping[str, Any]) -> Table:
    """The same for the terminal."""
    shown = Table(title=f"held-out episodes of {metrics['env']}: no closed loop")
    for head in ("action", *metrics["columns"]):
        shown.add_column(head, justify="left" if head == "action" else "right")
    for name, values in metrics["actions"].items():
        shown.add_row(name, *(f"{value:.4g}" if value is not None else "-" for value in values))
    return shown


def members_table(found: Mapping[str, Mapping[str, Any]]) -> Table:
    """One line for each member of a population; their pages have each action."""
    envs = ", ".join(dict.fromkeys(str(metrics["env"]) for metrics in found.values()))
    shown = Table(title=f"held-out episodes of {envs}: no closed loop")
    shown.add_column("member")
    shown.add_column("loss", justify="right")
    shown.add_column("steps", justify="right")
    for name, metrics in found.items():
        shown.add_row(name, f"{metrics['loss']:.4g}", f"{metrics['steps']:,}")
    return shown


def _page(found: Mapping[str, Mapping[str, Any]]) -> str:
    style = (files("lrs_lightning.report") / "style.css").read_text(encoding="utf-8")
    envs = ", ".join(dict.fromkeys(str(metrics.get("env")) for metrics in found.values()))
    parts = [_section(name, metrics) for name, metrics in found.items()]
    body = element(
        "main",
        element(
            "header",
            element("p", "Held-out episodes alone", class_="kicker"),
            element("h1", envs),
            element("p", _WARNING, class_="note"),
        ),
        *parts,
    )
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n{_HEAD}<title>{escape(envs)}</title>\n'
        f"<style>\n{style}</style>\n</head>\n<body>\n{body.text}\n</body>\n</html>\n"
    )


def _section(name: str, metrics: Mapping[str, Any]) -> Markup:
    rows = [
        [action, *("-" if value is None else f"{value:.4g}" for value in values)]
        for action, values in metrics["actions"].items()
    ]
    facts = f"loss {metrics['loss']:.4g} over {metrics['steps']:,} steps. {metrics['reason']}"
    return section(name, table(["action", *metrics["columns"]], rows), note=facts)
