"""The tests without any fault: which pass, how long each takes, and which lines it runs."""

from __future__ import annotations

import sys
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import coverage
import pytest

from tools.faults.possible import Fault
from tools.faults.process import Ended, run_in
from tools.faults.rooms import Room
from tools.faults.session import Plan, Session
from tools.faults.tree import Tree

Lines = Mapping[int, Sequence[str]]  # line -> ids of the tests that run it


@dataclass(frozen=True)
class Baseline:
    """The tests of a room, as they are without a fault.

    Args:
        folders: of the tests.
        seconds: what each takes, in the order in which they run.
        broken: those that fail without any fault; they judge nothing.
        lines: of each file of the room, which tests run which line.
    """

    folders: tuple[str, ...]
    seconds: Mapping[str, float]
    broken: frozenset[str]
    lines: Mapping[str, Lines]

    @classmethod
    def measure(cls, tree: Tree, room: Room, also: Sequence[str] = ()) -> Baseline:
        """Run the tests of `room`, and of the folders `also`, once.

        Raises:
            RuntimeError: there is nothing to judge by.
        """
        folders = (room.tests, *also)
        tree.clear()
        try:
            seconds, broken, lines = run_in(tree, _measure, room.source, folders, limit=None)
        except Ended as ended:
            raise RuntimeError(f"the tests of {room.name} end by {ended.by}: mend them") from None
        if not set(seconds) - set(broken):
            raise RuntimeError(f"no test in {', '.join(folders)} passes: mend them first")
        return cls(folders, seconds, frozenset(broken), lines)

    def plan(self, fault: Fault, patience: float) -> Plan:
        """The tests that run the changed lines, then the others of their files.

        The others too, since values are cached and what runs a line first need not be what checks
        it. Of a line that runs at import, or that no test is known to run: all of them.
        """
        lines = self.lines.get(fault.file, {})
        first, last = fault.lines
        direct = {test for line in range(first, last + 1) for test in lines.get(line, ())} - {""}
        own = f"test_{Path(fault.file).name}"
        ordered = sorted(self.seconds, key=lambda t: (t not in direct, Path(_file(t)).name != own))
        ranks = {test: rank for rank, test in enumerate(ordered)}
        where = tuple(dict.fromkeys(_file(test) for test in ordered if test in direct))
        if fault.at_import or not where:
            where = self.folders
        return Plan(where, ranks, self.seconds, self.broken, patience)

    def limit(self, patience: float) -> float:
        """Seconds after which a run is ended from outside, where a test cannot be."""
        return patience * (6 + sum(self.seconds.values()))


class _Contexts:
    """Tells coverage which test is running."""

    def __init__(self, measured: coverage.Coverage) -> None:
        self._measured = measured

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        self._measured.switch_context(item.nodeid)
        return (yield)


def _measure(
    tree: Tree, source: str, folders: tuple[str, ...]
) -> tuple[dict[str, float], list[str], Mapping[str, Lines]]:
    measured = coverage.Coverage(
        data_file=None, config_file=False, source=[str(tree.root / source)]
    )
    session = Session(Plan(folders))
    measured.start()
    session.run(plugins=(_Contexts(measured),))
    measured.stop()
    _check_origin(tree)
    data = measured.get_data()
    lines = {
        Path(file).relative_to(tree.root).as_posix(): data.contexts_by_lineno(file)
        for file in data.measured_files()
    }
    tree.keep_cache()
    return session.seconds, session.failed, lines


def _check_origin(tree: Tree) -> None:
    """What is judged must be the copy, not the working tree or an installed one."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if name.partition(".")[0] in ("lrs_lightning", "lrs_kernels") and file:
            assert Path(file).is_relative_to(tree.root), f"{file} was tested, not the copy"


def _file(test: str) -> str:
    return test.partition("::")[0]
