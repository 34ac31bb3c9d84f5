"""Batches that several processes share out among themselves."""

from __future__ import annotations

import numpy as np
import pytest

from lrs_lightning.data import RandomBatches, SharedOut


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("batches", [3, 6, 7])
def test_each_batch_comes_once_and_in_order(count, batches):
    sampler = RandomBatches(np.arange(50), 4, batches, seed=3, position=lambda: 12)
    whole = [batch.tolist() for batch in sampler]
    shares = [[b.tolist() for b in SharedOut(sampler, r, count, even=False)] for r in range(count)]
    assert sorted(batch for share in shares for batch in share) == sorted(whole)
    even = [SharedOut(sampler, rank, count, even=True) for rank in range(count)]
    assert [len(share) for share in even] == [batches // count] * count
    updates = zip(*([batch.tolist() for batch in share] for share in even), strict=True)
    together = [batch for update in updates for batch in update]
    assert together == whole[: batches // count * count]
