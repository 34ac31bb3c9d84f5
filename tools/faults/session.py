"""What pytest is told and asked: which tests come first, how long each may take, what failed."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest


@dataclass(frozen=True)
class Plan:
    """How to run the tests of a room.

    Args:
        where: files or folders of the tests, from the root of the tree.
        first: rank of a test by its id; those without one come last.
        seconds: how long each test usually takes.
        broken: tests that fail without any fault, which are left out.
        patience: a test fails that takes this many times as long as usual, and as many seconds.
    """

    where: tuple[str, ...]
    first: Mapping[str, int] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    broken: frozenset[str] = frozenset()
    patience: float = 10.0


class Session:
    """A plugin of pytest that follows a plan and keeps what it saw."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.seconds: dict[str, float] = {}
        self.failed: list[str] = []

    def run(self, *options: str, plugins: tuple[Any, ...] = ()) -> int:
        """Run the tests in the current folder, and give pytest's exit code."""
        # Other plugins report and distribute, and hypothesis' imports all of it at the end.
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        fixed = [f"--rootdir={os.getcwd()}", "-p", "pytest_timeout", "-p", "no:cacheprovider"]
        return int(pytest.main([*self.plan.where, *fixed, *options], plugins=[self, *plugins]))

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Put the likely tests first, and give each its time."""
        items[:] = [item for item in items if item.nodeid not in self.plan.broken]
        items.sort(key=lambda item: self.plan.first.get(item.nodeid, len(items)))
        for item in items:
            usual = self.plan.seconds.get(item.nodeid)
            if usual is not None:
                item.add_marker(pytest.mark.timeout(self.plan.patience * (1 + usual)), append=False)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep durations and failures."""
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration
        if report.failed:
            self.failed.append(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file that cannot be imported has failed."""
        if report.failed:
            self.failed.append(report.nodeid)


class Clock:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    @property
    def seconds(self) -> float:
        """As a number of one decimal."""
        return round(time.monotonic() - self._start, 1)
