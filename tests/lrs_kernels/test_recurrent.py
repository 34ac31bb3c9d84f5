"""Weights as they are stored, and members of different rank side by side."""

from __future__ import annotations

import pytest
import torch

from lrs_kernels import Recurrent, cfc_scan, stack_factors
from tests.lrs_kernels.cases import make_scan

RANKS = (1, 3, 6)


def test_effective_weights():
    w1, w2, dense = torch.randn(3, 4, 2), torch.randn(3, 2, 4), torch.randn(3, 4, 4)
    mask = (torch.rand(3, 4, 4) < 0.5).float()
    assert torch.equal(Recurrent.of((w1, w2), mask).effective(), (w1 @ w2) * mask)
    assert torch.equal(Recurrent.of((w1, w2)).effective(), w1 @ w2)
    assert Recurrent.of(dense).effective() is dense
    with pytest.raises(ValueError, match="dense: they have no factors"):
        _ = Recurrent.of(dense).factors


@pytest.mark.parametrize("backend", ["auto", "cpu"])
def test_members_of_different_rank_train_side_by_side(backend):
    alone = [make_scan(5, 3, 6, 3, rank=rank, density=0.6) for rank in RANKS]
    w1, w2 = (
        part.detach().requires_grad_() for part in stack_factors([m["weight"] for m in alone])
    )
    x_proj, h0, mask = (torch.stack([m[name] for m in alone]) for name in ("x_proj", "h0", "mask"))
    y, _ = cfc_scan(x_proj, (w1, w2), h0, mask, backend=backend)
    together = torch.autograd.grad(y.pow(2).sum(), (w1, w2))
    for p, (member, rank) in enumerate(zip(alone, RANKS, strict=True)):
        single, _ = cfc_scan(**member, backend=backend)
        torch.testing.assert_close(y[p], single, rtol=0, atol=1e-13)
        d1, d2 = torch.autograd.grad(single.pow(2).sum(), member["weight"])
        torch.testing.assert_close(together[0][p, ..., :rank], d1, rtol=0, atol=1e-12)
        torch.testing.assert_close(together[1][p, :, :rank], d2, rtol=0, atol=1e-12)
        assert not together[0][p, ..., rank:].any() and not together[1][p, :, rank:].any()


def test_an_empty_population_is_refused():
    with pytest.raises(ValueError, match="members is empty"):
        stack_factors([])
