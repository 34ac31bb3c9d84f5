"""Which backend a policy is played on: its rows say so, and episodes of several are told apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from torch import nn

from lrs_lightning.nn.backends import backends, in_words
from lrs_lightning.rollout import Policy
from lrs_lightning.statistics.result_line import Row


def backend_column(policy: Policy) -> dict[str, str]:
    """What each row of a policy says of its recurrence; nothing where that is not ours."""
    found = _choices(policy)
    names = sorted({choice.backend for choice in found.values()})
    return {"backend": ", ".join(names)} if names else {}


def backends_in_words(policies: Mapping[str, Policy], kept: Iterable[Row]) -> dict[str, Any]:
    """The key `backends` of a provenance: what plays each policy and why, and what has before.

    One text where all are played alike, a text for each policy otherwise; nothing without a
    recurrence of ours.

    Args:
        policies: those that are played.
        kept: rows of an earlier evaluation, which are not played again.
    """
    earlier: dict[str, set[str]] = {}
    for row in kept:
        if row.get("backend"):
            earlier.setdefault(row["policy"], set()).add(row["backend"])
    told = {}
    for name, policy in policies.items():
        others = sorted(earlier.get(name, set()) - set(backend_column(policy).values()))
        now = in_words(_choices(policy))
        told[name] = "; ".join([*([now] if now else []), *(f"before: {o}" for o in others)])
    texts = set(told.values())
    if not any(texts):
        return {}
    return {"backends": texts.pop() if len(texts) == 1 else told}


def _choices(policy: Policy) -> dict[str, Any]:
    module = getattr(policy, "module", None)
    return backends(module) if isinstance(module, nn.Module) else {}
