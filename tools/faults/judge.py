"""Judge faults: put one in, run the tests, take it out."""

from __future__ import annotations

import queue
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

from tools.faults.baseline import Baseline
from tools.faults.possible import Fault
from tools.faults.process import Ended, run_in
from tools.faults.results import Judgement
from tools.faults.session import Clock, Plan, Session
from tools.faults.tree import Tree


def judge(
    room: str,
    faults: Sequence[Fault],
    baseline: Baseline,
    trees: Sequence[Tree],
    patience: float = 10.0,
) -> Iterator[Judgement]:
    """A judgement of each fault as soon as it is known; as many at a time as there are trees.

    Args:
        room: its name.
        faults: all of this room.
        baseline: its tests without a fault.
        trees: copies to put them in.
        patience: how many times as long as usual a test may take, see `Plan`.
    """
    free: queue.SimpleQueue[Tree] = queue.SimpleQueue()
    for tree in trees:
        free.put(tree)

    def one(fault: Fault) -> Judgement:
        tree, clock = free.get(), Clock()
        try:
            by = found_by(fault, baseline, tree, patience)
        finally:
            free.put(tree)
        return Judgement.of(room, fault, by, clock.seconds)

    with ThreadPoolExecutor(len(trees)) as pool:
        try:
            for done in as_completed([pool.submit(one, fault) for fault in faults]):
                yield done.result()
        finally:
            pool.shutdown(cancel_futures=True)


def found_by(fault: Fault, baseline: Baseline, tree: Tree, patience: float) -> str:
    """The first test that fails, `"time"`, `"crash"`, or nothing where all tests pass."""
    tree.clear()
    with tree.changed(fault.file, fault.code):
        try:
            plan, limit = baseline.plan(fault, patience), baseline.limit(patience)
            failed: str = run_in(tree, _run, plan, limit=limit)
        except Ended as ended:
            return ended.by
    return failed


def _run(tree: Tree, plan: Plan) -> str:
    session = Session(plan)
    code = session.run("-x")
    # 0: all passed. Without a test that failed, pytest itself could not go on.
    return "" if code == 0 else (*session.failed, f"pytest's exit code {code}")[0]
