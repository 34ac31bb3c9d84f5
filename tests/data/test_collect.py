"""What is collected: other episodes for another seed, labels without the noise, float32 on disk."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from safetensors.numpy import save_file

from lrs_lightning.data import DemonstrationStore, Task
from lrs_lightning.data.collect import DEMONSTRATION_SEED, collect, demonstration_of
from lrs_lightning.data.demonstration import Origin
from lrs_lightning.envs import describe, make
from lrs_lightning.errors import DataError
from lrs_lightning.evaluation import EVALUATION_SEED
from lrs_lightning.experts import load_expert
from lrs_lightning.rollout import Episode, Trajectory

ENV = "HalfCheetah-v5"


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    folder = tmp_path_factory.mktemp("collected")
    return [
        collect(ENV, folder / f"{seed}", episodes=3, noise="0:0.4", seed=seed) for seed in (0, 1)
    ]


def test_a_seed_decides_which_episodes_are_collected(stores, tmp_path):
    again = collect(ENV, tmp_path / "again", episodes=3, noise="0:0.4", seed=1)
    assert [o.seed for o in stores[1].origins] == [
        DEMONSTRATION_SEED + 10_000 + k for k in range(3)
    ]
    for first, other, same in zip(*stores, again, strict=True):
        assert not np.array_equal(first.observations[0], other.observations[0])
        np.testing.assert_array_equal(other.observations, same.observations)


def test_an_episode_begins_where_its_seed_says(stores):
    env = make(ENV, 3)
    for store in stores:
        first, _ = env.reset(seed=[o.seed for o in store.origins])
        np.testing.assert_array_equal([e.observations[0] for e in store], first.astype(np.float32))
    env.close()


def test_no_seed_serves_both_demonstration_and_judgement(stores):
    used = {origin.seed for store in stores for origin in store.origins}
    assert not used & set(range(EVALUATION_SEED, EVALUATION_SEED + 100_000))


def test_labels_are_the_experts_and_executed_actions_carry_the_noise(stores):
    expert = load_expert("shipped", ENV)
    for store in stores:
        for episode in store:
            wanted, _ = expert.step(episode.observations, None, np.zeros(len(episode), bool))
            np.testing.assert_allclose(episode.labels, wanted, atol=1e-4)
        noise = [float(np.abs(e.actions - e.labels).max()) for e in store]
        assert noise[0] == 0 and all(n > 0.3 for n in noise[1:])
        assert [o.noise for o in store.origins] == [0, 0.2, 0.4] == store.manifest["noise"]
        assert {(o.actor, o.labeller, o.round, o.beta) for o in store.origins} == {
            ("shipped", "shipped", 0, 1.0)
        }


def test_on_disk_are_float32_in_compressed_and_checksummed_chunks(stores):
    for store in stores:
        with h5py.File(store.folder / "episodes.h5") as file:
            for group in file["episodes"].values():
                assert set(group) == {"observations", "actions", "labels", "rewards", "final"}
                for array in group.values():
                    assert array.dtype == np.float32
                    assert array.compression == "gzip" and array.fletcher32
                    assert array.chunks[0] in (256, 1)


def test_how_an_episode_ended_and_what_was_seen_at_last_are_kept(stores):
    assert {(e.terminated, e.truncated) for e in stores[0].endings} == {(False, True)}
    episode, env = stores[0][0], make(ENV, 1)
    env.reset(seed=[stores[0].origins[0].seed])
    for action in episode.actions:
        seen, *_ = env.step(action[None])
    np.testing.assert_allclose(episode.final, seen, atol=1e-3)
    env.close()


def test_rewards_are_those_of_the_simulator(stores):
    episode, env = stores[0][0], make(ENV, 1)
    env.reset(seed=[stores[0].origins[0].seed])
    for t in range(20):
        _, reward, *_ = env.step(episode.actions[t : t + 1])
        assert reward[0] == pytest.approx(episode.rewards[t], rel=1e-6)
    env.close()


def task():
    info = describe(ENV)
    return Task.of(ENV, info.observation_space, info.action_space)


def played(labels, **changes):
    steps = len(labels)
    trajectory = Trajectory(
        observations=np.zeros((steps, 17)),
        actions=np.clip(labels, -1, 1),
        wanted=labels,
        labels=labels,
        rewards=np.zeros(steps),
    )
    about = {"policy": "p", "env": ENV, "shift": "clean", "severity": 0, "episode": 4, "seed": 7}
    return Episode(**about, return_=0.0, length=steps, trajectory=trajectory, **changes)


def test_labels_beyond_the_bounds_are_what_the_world_makes_of_them():
    """An expert that is not squashed, as PPO's are not, may want more than there is."""
    made = demonstration_of(played(np.linspace(-3, 3, 60).reshape(10, 6)), task(), Origin())
    assert made.labels.min() == -1 and made.labels.max() == 1
    np.testing.assert_array_equal(made.labels, made.actions)
    assert made.labels.dtype == made.observations.dtype == made.rewards.dtype == np.float32


def test_an_episode_that_failed_is_no_demonstration():
    failed = played(np.zeros((3, 6)), status="failed", error="the simulation became unstable")
    with pytest.raises(DataError, match=r"episode 4 with seed 7 .*became unstable.*another seed"):
        demonstration_of(failed, task(), Origin())


def test_the_manifest_says_how_it_was_made(stores):
    for seed, store in enumerate(stores):
        about = store.manifest
        assert (about["expert"], about["seed"], about["noise"]) == ("shipped", seed, [0, 0.2, 0.4])
        assert about["seeds"] == [1_000_000 + 10_000 * seed + k for k in range(3)]
        assert about["seeds"] == [origin.seed for origin in store.origins]
        assert {"gymnasium", "mujoco", "numpy"} <= about["versions"].keys()
        assert about["expert_card"]["algorithm"] == "SAC"


def test_each_episode_is_told_of_as_it_ends(tmp_path):
    expert = tmp_path / "still.safetensors"
    layer = {"layers.0.weight": np.zeros((1, 3)), "layers.0.bias": np.zeros(1)}
    save_file(layer, expert, metadata={"env": "Pendulum-v1"})
    told = []
    store = collect("Pendulum-v1", tmp_path / "s", expert, 2, "0", on_episode=told.append)
    assert sorted(e.episode for e in told) == [0, 1] and len(store) == 2
    assert {(o.actor, o.noise) for o in store.origins} == {(str(expert), 0.0)}
    assert store.manifest["expert_card"] == {"env": "Pendulum-v1"}


def test_a_store_opens_as_what_collect_returned(stores):
    for store in stores:
        again = DemonstrationStore(store.folder, ENV)
        assert again.manifest == store.manifest and again.manifest["expert_card"]
