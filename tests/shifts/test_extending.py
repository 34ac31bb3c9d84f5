"""The page about extending: its domain and its shifts run as they stand, and truly act."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

from lrs_lightning.envs import describe, domain_of, make, simulators
from lrs_lightning.errors import EnvironmentMismatchError
from lrs_lightning.evaluation.evaluate import evaluate
from lrs_lightning.evaluation.suites import Suite
from lrs_lightning.rollout import rollout
from lrs_lightning.shifts import registry

PAGE = Path(__file__).parents[2] / "docs" / "extending.md"


def section(title: str) -> str:
    """The Python blocks of a section, one after the other."""
    text = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.M | re.S)
    assert text is not None
    return "\n".join(re.findall(r"^```python\n(.*?)^```", text[1], re.M | re.S))


@pytest.fixture(scope="module")
def names():
    """What both sections define, with the registries put back afterwards."""
    domains = sys.modules["lrs_lightning.envs.domains"]
    found = {"__name__": __name__}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(domains, "_REGISTERED", dict(domains._REGISTERED))
        patch.setattr(registry, "_BY_NAME", dict(registry._BY_NAME))
        for title in ("A domain of your own", "A shift of your own"):
            exec(compile(section(title), str(PAGE), "exec"), found)
        yield found


class Valve:
    """Lets in a tenth of what is missing."""

    def initial_state(self, num_envs):
        return None

    def step(self, observations, state, starts):
        return np.clip(0.1 + 0.1 * (1 - observations), 0, 1).astype(np.float32), None


def test_every_shift_of_the_page_leaves_its_mark(names):
    returns = names["returns"]
    assert set(returns) == set(names["conditions"])
    assert len(set(returns.values())) == 4


def test_a_weak_gravity_is_gymnasiums_own(names):
    (episode,) = rollout(
        names["policies"], "Pendulum-v1", ["weak_gravity[onset=50]@3"], [4], record=True
    )
    env = gym.make("Pendulum-v1")
    seen, _ = env.reset(seed=4)
    for t in range(200):
        env.unwrapped.g = 10.0 if t < 50 else 10.0 * 0.4
        np.testing.assert_array_equal(episode.trajectory.observations[t], seen)
        seen, reward, *_ = env.step(episode.trajectory.actions[t])
        assert reward == episode.trajectory.rewards[t]


def test_a_gain_lasts_the_episode(names):
    conditions = ["clean", "sensor_gain@4"]
    clean, scaled = rollout(names["policies"], "Pendulum-v1", conditions, [1], record=True)
    # A random policy draws by what it saw first, so that only the first observation is the same.
    gain = scaled.trajectory.observations[0] / clean.trajectory.observations[0]
    assert (gain != 1).all()
    assert np.abs(gain - 1).max() < 4 * 0.3


def test_a_domain_is_described_and_made(names):
    assert domain_of("Tank-v0") is names["TANKS"]
    assert "numpy" in simulators()
    assert describe("Tank-v0").base_model == names["Tank"]()
    env = make("Tank-v0", 2, models=[names["Tank"](), names["Tank"](0.5)])
    first, _ = env.reset(seed=[3, 3])
    after, *_ = env.step(np.zeros((2, 1), np.float32))
    np.testing.assert_allclose(after[:, 0], first[:, 0] * [0.9, 0.5])
    env.close()


def test_it_is_played_shifted_and_judged_like_any_other(names, tmp_path):
    suite = ["leak@3", "leak[onset=25]@3", "sensor_delay@2", "action_noise@1"]
    summary = evaluate(
        {"valve": Valve()},
        "Tank-v0",
        suite,
        4,
        references={"expert": None, "random": None},
        out=tmp_path,
    )
    means = {f"{c['shift']}@{c['severity']}": c["return_mean"] for c in summary.conditions}
    assert len(means) == len(set(means.values())) == 5
    assert means["leak@3"] < means["leak[onset=25]@3"] < means["clean@0"]
    assert Suite.load("smoke").conditions("tanks") == Suite.load("smoke").conditions("other")


def test_a_leak_of_something_else_is_refused(names):
    with pytest.raises(EnvironmentMismatchError, match="acts on the physics of a tank, which Pend"):
        list(rollout(names["policies"], "Pendulum-v1", ["leak@1"], [0]))
