"""Candidates whose gates read the clean sensors, beside the policies that they are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lrs_lightning.analysis.counterfactual import CleanGatePolicy, clean_gate_name
from lrs_lightning.errors import ArgumentError
from lrs_lightning.evaluation.policies import Candidate
from lrs_lightning.nn import RecurrentPolicy


def with_clean_gates(candidates: Sequence[Candidate], gates: Sequence[str]) -> list[Candidate]:
    """Every candidate, and for each gate one more whose gate reads clean sensors.

    Args:
        candidates: policies of ours, with memory, where `gates` are given.
        gates: e.g. `["F"]`.

    Raises:
        UnknownNameError: a gate that a cell does not have.
        ArgumentError: a policy without gates.
    """
    found: list[Candidate] = []
    for candidate in candidates:
        module = getattr(candidate.policy, "module", None)
        if gates and not isinstance(module, RecurrentPolicy):
            raise ArgumentError(
                f"policy {candidate.name!r} has no gates that could read clean sensors: give "
                "--clean_gates with checkpoints that `fit` wrote"
            )
        found.append(candidate)
        for gate in gates:
            assert isinstance(module, RecurrentPolicy)
            space = getattr(candidate.policy, "action_space", None)
            timespan = getattr(candidate.policy, "timespan", None)
            found.append(
                replace(
                    candidate,
                    name=clean_gate_name(candidate.name, gate),
                    policy=CleanGatePolicy(module, [gate], space, timespan),
                    about={**candidate.about, "clean_gate": gate},
                )
            )
    return found
