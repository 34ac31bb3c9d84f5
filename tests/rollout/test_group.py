"""Policies that are asked together decide what they decide alone, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete

from lrs_kernels import find_cell
from lrs_kernels.native.limits import Limits, limits
from lrs_lightning.envs.mujoco_task import MujocoTask
from lrs_lightning.errors import EnvironmentMismatchError
from lrs_lightning.nn import PolicyConfig, build_policy, controls, cores, encoders, running
from lrs_lightning.nn.encoders import digest_of
from lrs_lightning.rollout import TorchPolicy, rollout
from lrs_lightning.rollout import decisions as module
from lrs_lightning.rollout import group as group_module
from lrs_lightning.rollout.group import Group, groups
from lrs_lightning.rollout.player import Player
from tests.lrs_kernels.told import overhear

SPACES = Box(-1, 1, (5,)), Box(-1, 1, (3,))
PICTURES = Box(0, 255, (4, 36, 36), np.uint8), Box(-1, 1, (3,))
PICTURE = {"name": "small", "features": 7, "channels": [3]}
CORES = {"cfc": cores.CfC, "lstm": cores.LSTM, "gru": cores.GRU, "rnn": cores.RNN}


class Slots:
    """What a step must know."""

    def __init__(self, count):
        self.starts, self.running = np.zeros(count, bool), np.ones(count, bool)
        self.seeds = np.arange(count)


def policy(core, seed=0, spaces=SPACES, **options):
    config = PolicyConfig(
        encoders.Vector(features=7), core(hidden_size=6, **options), init_seed=seed
    )
    return TorchPolicy(build_policy(config, *spaces))


def picture_policy(encoder, seed, core=cores.CfC, **options):
    """A policy behind a frozen encoder of one frame."""
    taken = encoders.Frozen("a run", PICTURE, "a task", digest_of(encoder))
    core = core(hidden_size=6, **options)
    own = build_policy(PolicyConfig(taken, core, init_seed=seed), *PICTURES)
    own.encoder.load_state_dict(encoder.state_dict())
    return TorchPolicy(own)


def test_a_group_packs_its_weights_once(monkeypatch):
    heard = overhear(monkeypatch)
    members = {str(k): policy(cores.CfC, k, rank=2) for k in range(3)}
    rows = {name: slice(int(name), int(name) + 1) for name in members}
    group, slots = Group(members, rows), Slots(3)
    action = np.zeros((3, 3), np.float32)
    for _ in range(3):
        group.step(np.ones((3, 5)), slots, action, "a task")
    assert [told["ready"] for _, told in heard] == [False, True, True]


def assert_together_as_alone(members, spaces=SPACES, steps=6):
    sizes = [1 + 3 * (k % 3) for k in range(len(members))]
    ends = np.cumsum(sizes).tolist()
    rows = {name: slice(e - n, e) for name, n, e in zip(members, sizes, ends, strict=True)}
    slots, rng = Slots(ends[-1]), np.random.default_rng(0)
    group = Group(members, rows)
    states = {
        name: one.initial_state(n) for (name, one), n in zip(members.items(), sizes, strict=True)
    }
    action = np.zeros((ends[-1], *spaces[1].shape), spaces[1].dtype)
    for step in range(steps):
        slots.starts[:] = rng.random(ends[-1]) < 0.2 if step else True
        seen = 3 * rng.standard_normal((ends[-1], 5))
        group.step(seen, slots, action, "a task")
        for name, one in members.items():
            own = rows[name]
            alone, states[name] = one.step(seen[own], states[name], slots.starts[own])
            np.testing.assert_array_equal(action[own], alone, err_msg=f"{name}, step {step}")


@pytest.mark.parametrize("core", CORES)
def test_members_decide_as_they_do_alone(core):
    kinds = [{"rank": 1}, {"rank": 3, "sparsity": 0.0}, {"rank": 2, "sparsity": 0.8}]
    assert_together_as_alone(
        {str(k): policy(CORES[core], k, **kind) for k, kind in enumerate(kinds)}
    )
    dense = {"rank": 2, "control": controls.Dense()}
    assert_together_as_alone({str(k): policy(CORES[core], k, **dense) for k in range(2)})


def test_ranks_that_c_does_not_multiply_stay_alone(monkeypatch):
    members = {str(k): policy(cores.CfC, k, rank=3) for k in range(group_module.FEWEST)}
    every = {name: slice(0, 1) for name in members}
    assert len(groups(members, every)) == 1
    monkeypatch.setattr(running, "limits", lambda _: Limits(64, 2, float("inf")))
    assert groups(members, every) == []


def test_members_of_the_default_size_and_logits():
    ranks = [rank for rank in (2, 8, 16, 32) if rank <= limits(find_cell("cfc")).rank]
    assert_together_as_alone(
        {
            str(r): TorchPolicy(build_policy(PolicyConfig(core=cores.CfC(rank=r)), *SPACES))
            for r in ranks
        }
    )
    spaces = SPACES[0], Discrete(4)
    assert_together_as_alone(
        {str(k): policy(cores.CfC, k, spaces, rank=2) for k in range(2)}, spaces
    )
    assert_together_as_alone({str(k): policy_without_memory(k) for k in range(2)})


def policy_without_memory(seed):
    config = PolicyConfig(encoders.Vector(features=7), cores.MLP(hidden_size=6), init_seed=seed)
    return TorchPolicy(build_policy(config, *SPACES))


@pytest.fixture(scope="module")
def picture_encoder():
    return encoders.ENCODERS.from_dict(PICTURE).build(PICTURES[0])


@pytest.mark.parametrize("core", CORES)
def test_members_behind_one_encoder_decide_as_they_do_alone(core, picture_encoder):
    """Alone in blocks of rows; together in one pass of the encoder over whoever is running."""
    kinds = [{"rank": 1}, {"rank": 3, "sparsity": 0.0}, {"rank": 2, "sparsity": 0.8}]
    members = {
        str(k): picture_policy(picture_encoder, k, CORES[core], **kind)
        for k, kind in enumerate(kinds)
    }
    sizes, rng = (3, 10, 1), np.random.default_rng(0)
    ends = np.cumsum(sizes).tolist()
    rows = {name: slice(e - n, e) for name, n, e in zip(members, sizes, ends, strict=True)}
    slots = Slots(ends[-1])
    (found,) = groups(members, rows)
    group = Group(found, rows)
    alone = {name: Player(name, one, rows[name]) for name, one in members.items()}
    together, single = (np.zeros((ends[-1], 3), np.float32) for _ in range(2))
    for step in range(8):
        begins = rng.random(ends[-1]) < 0.4
        ended = slots.running & (rng.random(ends[-1]) < 0.3)
        slots.starts[:] = (~slots.running & begins) if step else True
        slots.running[:] = (slots.running & ~ended) | slots.starts
        seen = rng.integers(0, 256, (ends[-1], 4, 36, 36), dtype=np.uint8)
        assert group.step(seen, slots, together, "a task") is None
        for player in (one for one in alone.values() if slots.running[one.rows].any()):
            assert player.step(seen, slots, single, "a task") is None
        np.testing.assert_array_equal(together[slots.running], single[slots.running])
    assert 0 < slots.running.sum() < len(slots.running)


def test_a_frozen_encoder_of_vectors_is_stacked_like_all_the_rest():
    members = {str(k): policy(cores.CfC, k, rank=1) for k in range(2)}
    for one in members.values():
        one.module.encoder.freeze()
    assert not any(one.features_apart for one in members.values())
    assert_together_as_alone(members)


def test_an_encoder_that_is_shared_is_called_for_the_rows_of_all_in_blocks(picture_encoder):
    members = {str(k): picture_policy(picture_encoder, k, rank=1) for k in range(3)}
    rows = {str(k): slice(4 * k, 4 * k + 4) for k in range(3)}
    (found,) = groups(members, rows)
    group, slots, calls = Group(found, rows), Slots(12), []
    for one in members.values():
        one.module.encoder.register_forward_hook(lambda _, given, out: calls.append(len(given[0])))
    seen = np.zeros((12, 4, 36, 36), np.uint8)
    decided = np.zeros((12, 3), np.float32)
    assert group.step(seen, slots, decided, "a task") is None
    assert calls == [8, 8], "as many rows at a time as of a member alone"
    slots.running[::2] = False
    assert group.step(seen, slots, decided, "a task") is None
    assert calls == [8, 8, 8], "only of who is running: six rows"


def test_who_does_not_share_an_encoder_is_asked_alone(picture_encoder):
    other = encoders.ENCODERS.from_dict(PICTURE).build(PICTURES[0])
    trained = build_policy(
        PolicyConfig(encoders.ENCODERS.from_dict(PICTURE), cores.CfC(rank=1)), *PICTURES
    )
    members = {
        "a": picture_policy(picture_encoder, 0, rank=1),
        "b": picture_policy(picture_encoder, 1, rank=2),
        "linear": picture_policy(picture_encoder, 2, cores.MLP, num_layers=0),
        "of another": picture_policy(other, 0, rank=1),
        "end to end": TorchPolicy(trained),
    }
    found = groups(members, {name: slice(0, 1) for name in members})
    assert [list(group) for group in found] == [["a", "b"]]


def test_who_cannot_be_asked_together_is_left_out(monkeypatch):
    members = {
        "a": policy(cores.CfC, rank=2),
        "b": policy(cores.CfC, 1, rank=1),
        "wide": TorchPolicy(build_policy(PolicyConfig(core=cores.CfC(rank=32)), *SPACES)),
        "cut": policy(cores.CfC, rank=2, control=controls.Truncated()),
        "frozen": policy(cores.CfC, rank=2, gate="frozen"),
        "lstm": policy(cores.LSTM, rank=2),
    }
    slots = {name: slice(0, 1) for name in members}
    assert groups(members, slots) == [], "a group of two is not worth it"
    monkeypatch.setattr(group_module, "FEWEST", 2)
    assert [list(group) for group in groups(members, slots)] == [["a", "b"]]


def test_a_rollout_asks_a_population_once_a_step(monkeypatch):
    init = MujocoTask.__init__
    monkeypatch.setattr(MujocoTask, "__init__", lambda self, env, _: init(self, env, 20))
    spaces = Box(-np.inf, np.inf, (17,)), Box(-1, 1, (6,))
    monkeypatch.setattr(group_module, "FEWEST", 3)
    members = {f"m{k}": policy(cores.CfC, k, spaces, rank=1 + k) for k in range(3)}

    def played(members):
        found = rollout(members, "HalfCheetah-v5", ["clean", "mass@2"], [1, 2], threads=1)
        return {(e.policy, e.shift, e.episode): (e.return_, e.outcome) for e in found}

    calls = []
    step = Group.step
    monkeypatch.setattr(Group, "step", lambda self, *a: (calls.append(1), step(self, *a))[1])
    together = played(members)
    assert len(calls) == 20
    monkeypatch.setattr(module, "groups", lambda *_: [])
    assert together == played(members)


def test_a_call_that_fails_ends_the_episodes_of_that_step(monkeypatch):
    members = {str(k): policy(cores.CfC, k, rank=1) for k in range(2)}
    group = Group(members, {"0": slice(0, 1), "1": slice(1, 2)})
    slots, decided, seen = Slots(2), np.ones((2, 3), np.float32), np.ones((2, 5))

    def broken(*_, **__):
        raise ZeroDivisionError("no number")

    with monkeypatch.context() as patch:
        patch.setattr(group._population, "run", broken)
        with pytest.raises(EnvironmentMismatchError, match="policy '0' cannot act"):
            group.step(seen, slots, decided, "a task")
    assert group.step(seen, slots, decided, "a task") is None
    with monkeypatch.context() as patch:
        patch.setattr(group._population, "run", broken)
        assert "no number" in group.step(seen, slots, decided, "a task")
    assert not decided.any()
    assert group.step(seen, slots, decided, "a task") is None and decided.any()
