from __future__ import annotations

import threading
import time

import pytest

from lrs_lightning.envs import WorkerPool, available_cores, worker_pool


@pytest.mark.parametrize(("threads", "rows", "size"), [(1, 9, 1), (3, 9, 3), (8, 2, 2), (4, 1, 1)])
def test_every_row_is_worked_on_once(threads, rows, size):
    pool, seen, used = WorkerPool(threads, rows), [], set()

    def work(queue, worker):
        for row in queue:
            seen.append((row, worker, threading.get_ident()))
            time.sleep(0.001)
        return {}

    assert pool.size == size
    for _ in range(20):
        seen.clear()
        assert pool.run(list(range(rows)), work) == {}
        assert sorted(row for row, *_ in seen) == list(range(rows))
        assert len({worker for _, worker, _ in seen}) <= size
        used |= {thread for *_, thread in seen}
    if size > 1:  # in one round of a busy machine a thread may do it all
        assert len(used) > 1
    pool.close()


@pytest.mark.parametrize(("cores", "size"), [(1, 1), (4, 4), (64, 8)])
def test_the_default_is_a_thread_for_each_core_within_reason(cores, size, monkeypatch):
    monkeypatch.setattr(worker_pool, "available_cores", lambda: cores)
    assert WorkerPool(None, 100).size == size
    assert WorkerPool(20, 100).size == 20


def test_errors_of_all_threads_are_gathered():
    pool = WorkerPool(3, 9)
    errors = pool.run(
        list(range(9)), lambda queue, _: {row: f"row {row}" for row in queue if row % 2}
    )
    assert errors == {row: f"row {row}" for row in (1, 3, 5, 7)}
    pool.close()


def test_those_at_hand_are_the_cores_that_this_process_may_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worker_pool.os, "sched_getaffinity", lambda pid: {1, 5, 7}, raising=False)
    assert available_cores() == 3
    monkeypatch.delattr(worker_pool.os, "sched_getaffinity")
    for cores, expected in ((6, 6), (None, 1)):
        monkeypatch.setattr(worker_pool.os, "cpu_count", lambda cores=cores: cores)
        assert available_cores() == expected
