"""The model card of an exported policy: `README.md` beside its file, for whoever deploys it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lrs_lightning.deployment.formats import Format
from lrs_lightning.deployment.interface import Interface
from lrs_lightning.deployment.parity import Agreement
from lrs_lightning.statistics import Summary

_DTYPES = {"reset": "bool", "dt": "float32"}
_MEANINGS = {
    "observation": "raw, as the task shows it: normalisation is inside",
    "h": "zeros at first, then `h_n` of the last step",
    "c": "zeros at first, then `c_n` of the last step",
    "dt": "time since the last observation, in steps of the training; 1 where steps are regular",
    "reset": "true where an episode begins: the state is zeroed before the step",
    "action": "what to do",
    "logits": "one number for each action; the action is the likeliest",
}


@dataclass(frozen=True)
class Card:
    """What is known of a policy beside its weights.

    Args:
        name: of the run it is from.
        training: what it was trained on and how, by name.
        summary: what exactly these weights earned; None where it was not measured.
    """

    name: str = "policy"
    training: Mapping[str, Any] = field(default_factory=dict)
    summary: Summary | None = None

    def text(self, interface: Interface, format: Format, agreement: Agreement) -> str:
        """The card as Markdown."""
        sections = [
            f"# {_plain(self.name)}: a policy for {_plain(interface.task.env)}",
            _introduction(interface, format, agreement),
            f"## How to load it\n\n```python\n{format.loading}\n```",
            f"## Inputs and outputs\n\n{_ports(interface)}",
            f"## The policy\n\n{_listed(interface.about)}",
            f"## What it learned from\n\n{_listed(self.training) or 'Not recorded.'}",
            f"## What it earns\n\n{_results(self.summary)}",
            f"## Limits\n\n{_limits(interface, self.summary)}",
        ]
        return "\n\n".join(sections) + "\n"


def _introduction(interface: Interface, format: Format, agreement: Agreement) -> str:
    made = ", ".join(f"{name} {version}" for name, version in interface.made_with.items())
    return (
        f"One step `(observation, state) -> (action, state)` in `{format.file}`, written by "
        f"{made}.\nBefore it was released it ran beside the PyTorch policy for {agreement.steps:,} "
        f"steps of {agreement.rows} episodes side by side\n({agreement.world}, "
        f"{agreement.resets} episodes begun): largest difference {agreement.difference:.1e}, "
        "relative to outputs above 1."
    )


def _ports(interface: Interface) -> str:
    rows = []
    for kind, ports in (("input", interface.inputs), ("output", interface.outputs)):
        for name, shape in ports.items():
            sizes = ", ".join(map(str, shape))
            meaning = _MEANINGS.get(name, "the state after the step")
            if name == "dt" and interface.task.time_unit is not None:
                meaning = f"time since the last observation, in units of {_unit(interface)}"
            rows.append((kind, f"`{name}`", f"({sizes})", _dtype(name, interface), meaning))
    bounds = ""
    if interface.task.action_low:
        low, high = ([f"{end:g}" for end in ends] for ends in _ends(interface))
        bounds = f"\n\nActions lie between [{', '.join(low)}] and [{', '.join(high)}]."
    elif interface.task.actions is not None:
        start = interface.task.action_start
        bounds = (
            f"\n\nActions are the numbers {start} to {start + interface.task.actions - 1}; "
            "-2147483648 says that the logits are not finite: do not act on it."
        )
    return _table(("", "name", "shape", "type", "meaning"), rows) + bounds


def _unit(interface: Interface) -> str:
    """Of time; 1 at the first step of an episode."""
    return f"{interface.task.time_unit:.6g} s (1 at the first step of an episode)"


def _dtype(name: str, interface: Interface) -> str:
    if name == "observation":
        return interface.task.observation_dtype
    if name == "action" and interface.discrete:
        return "int64"
    return _DTYPES.get(name, "float32")


def _ends(interface: Interface) -> tuple[Sequence[float], Sequence[float]]:
    return interface.task.action_low, interface.task.action_high


def _results(summary: Summary | None) -> str:
    if summary is None:
        return "Not measured with these weights: run `evaluate` on the run, and export again."
    header = ("condition", "episodes", "return", "95 % interval", "of expert", "of own clean")
    rows = [
        (
            _plain(c["condition"]),
            c["episodes"],
            _number(c["return_mean"]),
            " to ".join(_number(end) for end in c["return_ci95"]),
            _number(c["expert_normalized"], ".2f"),
            _number(c["retention"], ".2f"),
        )
        for c in summary.conditions
    ]
    known = ", ".join(f"{name} {_number(value)}" for name, value in summary.references.items())
    return (
        f"{_table(header, rows)}\n\nMean clean return of others on the same seeds: {known or '-'}. "
        "Intervals are over episodes of this one\npolicy (bootstrap); policies trained with other "
        "seeds differ more."
    )


def _limits(interface: Interface, summary: Summary | None) -> str:
    shifted = [] if summary is None else [c["condition"] for c in summary.conditions[1:]]
    tried = ", ".join(map(_plain, shifted)) or "none"
    lines = [
        f"Trained in simulation on {_plain(interface.task.env)} alone; the shifts it was tried "
        f"under: {tried}.",
        "It imitates: outside of what its demonstrations show, nothing says what it does.",
        "Nothing in it looks after safety. Bound its actions and watch it from outside.",
        "What becomes of a NaN in an observation depends on the runtime: look for it before.",
    ]
    if interface.states and not interface.reset:
        lines.append("It is not told where an episode begins: set its state to zeros there.")
    if not interface.dt:
        lines.append("It takes steps to be as far apart as in training.")
    return "\n".join(f"- {line}" for line in lines)


def _listed(values: Mapping[str, Any]) -> str:
    return _table(("", ""), [(_plain(k), _plain(v)) for k, v in values.items()]) if values else ""


def _table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def _number(value: Any, form: str = ",.5g") -> str:
    return "-" if value is None else format(value, form)


def _plain(value: Any) -> str:
    """Text that ends no cell and begins no markup of its own."""
    words = " ".join(str(value).split())[:300]
    return "".join(f"\\{c}" if c in "\\`*_[]<>|#" else c for c in words)
