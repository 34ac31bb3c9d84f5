"""Identities outlast the process: results of last year are gone on with, or refused, by them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from lrs_lightning.evaluation import identity
from lrs_lightning.evaluation.identity import condition_fingerprint, fingerprint, simulator_changes
from lrs_lightning.shifts import Condition


@pytest.mark.parametrize(
    ("condition", "unit", "expected"),
    [
        ("clean", "", "4f53cda18c2b"),
        ("mass@3", "", "a3f36f03df83"),
        ("mass@3", "only sensors are measured in units", "a3f36f03df83"),
        ("sensor_noise@2", "", "06e5374a2c5d"),
        ("sensor_noise@2", "u", "453f81c2bd7f"),
        ("sensor_dropout[mode=zero]@2+mass[onset=5]@1", "", "365ea5013146"),
    ],
)
def test_conditions_keep_their_identity(condition: str, unit: str, expected: str) -> None:
    assert condition_fingerprint(Condition(condition), unit) == expected


def test_policies_keep_their_identity() -> None:
    weight, bias = np.arange(6, dtype=np.float32).reshape(2, 3), np.ones(2, np.float32)
    in_numpy: Any = SimpleNamespace(layers=[(weight, bias)])
    assert fingerprint(in_numpy) == "755c90db6e0878b3"
    assert fingerprint(SimpleNamespace(layers=[(weight[::-1][::-1], bias)])) == (  # type: ignore[arg-type]
        "755c90db6e0878b3"
    )
    network = torch.nn.Linear(2, 1)
    torch.nn.init.constant_(network.weight, 0.5)
    torch.nn.init.constant_(network.bias, 2)
    assert fingerprint(SimpleNamespace(module=network)) == "dd8bf4d9d116bab6"  # type: ignore[arg-type]
    assert fingerprint(SimpleNamespace(fingerprint=7)) == "7"  # type: ignore[arg-type]
    assert fingerprint(SimpleNamespace(layers=())) is None  # type: ignore[arg-type]


def test_a_simulator_of_another_version_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    now = {"python": "3.12", "gymnasium": "1.2", "mujoco": "3.3.0", "numpy": "2.0"}
    monkeypatch.setattr(identity, "versions", lambda: now)
    monkeypatch.setattr(identity, "simulators", lambda: ("mujoco", "ale-py"))

    def changes(then: str) -> list[tuple[str, str | None, str | None]]:
        return simulator_changes({"versions": then})

    assert not changes("python 3.11, gymnasium 1.2, mujoco 3.3.0, numpy 1.0")
    assert changes("gymnasium 1.0, mujoco 3.3.0") == [("gymnasium", "1.0", "1.2")]
    assert changes("gymnasium 1.2, mujoco 2.3") == [("mujoco", "2.3", "3.3.0")]
    assert changes("gymnasium 1.2, mujoco 3.3.0, ale-py 0.11") == [("ale-py", "0.11", None)]
    assert changes("gymnasium 1.2") == [("mujoco", None, "3.3.0")]
