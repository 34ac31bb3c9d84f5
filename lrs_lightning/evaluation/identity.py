"""What makes an episode the same one: the player, the shift and its unit, the simulator.

A name does not: weights, strengths and units change under the same name, and a comparison of
episodes that differ in them says nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from lrs_lightning.envs import simulators
from lrs_lightning.errors import ArgumentError
from lrs_lightning.evaluation.provenance import row_columns
from lrs_lightning.evaluation.units import in_units
from lrs_lightning.rollout import Policy
from lrs_lightning.shifts import Component, Condition, Shift, shift_types
from lrs_lightning.shifts.strength import strength_of
from lrs_lightning.versions import versions


def fingerprint(policy: Policy) -> str | None:
    """What tells two policies of one name apart: `policy.fingerprint`, or a hash of its weights."""
    given = getattr(policy, "fingerprint", None)
    if given is not None:
        return str(given)
    digest, found = hashlib.sha256(), False
    for weight in _weights(policy):
        digest.update(np.ascontiguousarray(weight).tobytes())
        found = True
    return digest.hexdigest()[:16] if found else None


def _weights(policy: Policy) -> Iterator[Any]:
    """Arrays of the torch modules that a policy holds, and of the layers of one in NumPy."""
    for held in getattr(policy, "__dict__", {}).values():
        if callable(getattr(held, "state_dict", None)):
            yield from (tensor.detach().cpu().numpy() for tensor in held.state_dict().values())
    for layer in getattr(policy, "layers", ()):
        yield from layer


def condition_fingerprint(condition: Condition, unit: str, settings: str = "") -> str:
    """What a condition does, beyond its name: classes, strengths, options, and their unit.

    Args:
        condition: the condition.
        unit: of sensor noise; see `units.unit_name`.
        settings: of the environment; see `settings.in_words`.
    """
    parts: list[Any] = [{"settings": settings}] if settings else []
    for part in condition.components:
        kind = shift_types().get(part.name)
        parts.append(
            {
                "shift": part.label,
                "class": getattr(kind, "__qualname__", ""),
                "strength": _strength(part, kind),
                "unit": unit if in_units(part) else "",
            }
        )
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]


def _strength(part: Component, kind: type[Shift] | None) -> str:
    """What stands for a severity; "None" where there is no such shift or severity."""
    own = () if kind is None else kind.strengths
    try:
        return str(strength_of(part.name, own, dict(part.options), part.severity)[0])
    except ArgumentError:
        return "None"


def simulator_changes(row: Mapping[str, Any]) -> list[tuple[str, str | None, str | None]]:
    """Simulators whose version is another than in a row: name, version then, version now."""
    now, then = row_columns({"versions": versions()})["versions"], str(row.get("versions"))
    found = [
        (name, _version(name, then), _version(name, now)) for name in ("gymnasium", *simulators())
    ]
    return [change for change in found if change[1] != change[2]]


def _version(package: str, text: str) -> str | None:
    pairs = (entry.rsplit(" ", 1) for entry in text.split(", "))
    return next((pair[1] for pair in pairs if pair[0] == package), None)
