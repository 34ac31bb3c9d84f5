"""A tiny store of the real task, so that training tests take a second and not a minute."""

import numpy as np
import pytest

from lrs_lightning.data import Demonstration, Task, write_store
from lrs_lightning.envs import describe


def linear_expert(observations: np.ndarray) -> np.ndarray:
    """A teacher that can be learned in a few hundred updates."""
    weight = np.random.default_rng(1).standard_normal((17, 6)) / 6
    return np.tanh(observations @ weight).astype(np.float32)


@pytest.fixture(scope="session")
def tiny_store(tmp_path_factory):
    info = describe("HalfCheetah-v5")
    task = Task.of("HalfCheetah-v5", info.observation_space, info.action_space)
    rng = np.random.default_rng(0)

    def episode() -> Demonstration:
        observations = (3 * rng.standard_normal((60, 17)) + 2).astype(np.float32)
        labels = linear_expert((observations - 2) / 3)
        return Demonstration(observations, labels, labels, np.ones(60, np.float32))

    folder = tmp_path_factory.mktemp("stores") / "tiny"
    write_store(folder, task, [episode() for _ in range(6)], {"expert": "shipped"})
    return folder


@pytest.fixture(scope="module")
def unjudged(short_episodes, undrawn):
    """Episodes are short, and neither expert nor random policy is played beside the policy."""
    with pytest.MonkeyPatch.context() as patch:
        returns = {"expert": 9000.0, "random": -280.0}
        patch.setattr("lrs_lightning.evaluation.references.References.over", lambda *_: returns)
        yield
