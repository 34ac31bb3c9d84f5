"""The gate takes a thousand steps of PyTorch for every file: a tenth of them in most tests."""

from __future__ import annotations

import pytest

from lrs_lightning.deployment import parity

STEPS = parity.STEPS


@pytest.fixture(autouse=True)
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parity, "STEPS", 100)


@pytest.fixture
def all_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parity, "STEPS", STEPS)
