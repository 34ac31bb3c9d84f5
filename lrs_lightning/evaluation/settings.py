"""How an environment is set up when policies are judged, in words and in rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lrs_lightning import envs


def judged_with(env_id: str, chosen: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Arguments of `envs.make`: those that were chosen, else those of the task's domain."""
    return envs.judging(env_id) if chosen is None else dict(chosen)


def in_words(settings: Mapping[str, Any]) -> str:
    """`sticky=0.25`: what tables say and rows hold; empty without any."""
    return ", ".join(f"{name}={value}" for name, value in sorted(settings.items()))
