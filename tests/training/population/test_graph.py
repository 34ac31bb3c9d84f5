"""Recorded updates: what a replay leaves is what the passes leave; on a GPU as on a CPU."""

from __future__ import annotations

import pytest
import torch
from gymnasium.spaces import Box

from lrs_lightning.data import WindowBatch
from lrs_lightning.errors import ArgumentError
from lrs_lightning.nn import PolicyConfig, build_policy, controls, encoders
from lrs_lightning.training.population.stacks import MemberStacks
from tests.training.population.test_equality import CORES, base, fit_population

SPACES = Box(-1, 1, (3,)), Box(-1, 1, (2,))
PLACES = [0, 1, 0]
LIMIT = 0.01
"""Of each member's norm, so small that every update is clipped."""


def stacks(core="cfc"):
    kinds = ({"rank": 1}, {"rank": 2, "sparsity": 0.0}, {"control": controls.Dense()})
    made = [CORES[core](hidden_size=4, **{"rank": 2, **kind}) for kind in kinds]
    return MemberStacks(
        [
            build_policy(PolicyConfig(encoders.Vector(features=5), core, init_seed=i), *SPACES)
            for i, core in enumerate(made)
        ],
        threads=1,
    )


def batches(seed, rows=2):
    torch.manual_seed(seed)
    return [
        WindowBatch(torch.randn(rows, 6, 3), torch.rand(rows, 6, 2), torch.ones(rows, 6))
        for _ in range(2)
    ]


def gradients(stacks, given):
    for module in stacks.modules():
        module.zero_grad()
    losses = stacks.losses(given, PLACES)
    stacks.differentiate(losses, 1.0)
    stacks.clip(LIMIT, None)  # in place: what shares memory is scaled twice
    learned = [p for module in stacks.modules() for p in module.parameters()]
    assert all(p.grad.stride() == p.stride() for p in learned), "a fused optimiser reads both alike"
    found = [p.grad.clone() for p in learned]
    return stacks.by_member([loss.detach() for loss in losses]), found


@pytest.mark.parametrize("core", CORES)
def test_a_replay_leaves_what_the_passes_leave(core):
    plain, recorded, recordings = stacks(core), stacks(core), []

    def recorder(launches):
        recordings.append(launches)
        launches()
        return launches

    recorded.record_with(recorder)
    for seed, rows in ((0, 2), (1, 2), (2, 3)):
        expected, found = (gradients(each, batches(seed, rows)) for each in (plain, recorded))
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-8)
    assert len(recordings) == 2, "once for each shape"


def test_a_graph_needs_a_gpu(tiny_store):
    with pytest.raises(ArgumentError, match="training runs on the CPU: give --population.graph"):
        fit_population(tiny_store, base(), updates=1, graph=True)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@pytest.mark.parametrize("graph", [False, True])
@pytest.mark.parametrize("core", CORES)
def test_a_population_learns_on_a_gpu_what_it_learns_on_a_cpu(tiny_store, core, graph):
    there = fit_population(tiny_store, base(core), updates=20, accelerator="gpu", graph=graph)
    here = fit_population(tiny_store, base(core), updates=20)
    for one, other in zip(there.members, here.members, strict=True):
        for name, value in one.policy.state_dict().items():
            expected = other.policy.state_dict()[name]
            torch.testing.assert_close(value.cpu(), expected, rtol=0, atol=1e-8)
