"""A tiny store, and the words of a `fit` on it that takes a fraction of a second."""

import signal

import numpy as np
import pytest

from lrs_lightning.data import Demonstration, Task, write_store
from lrs_lightning.envs import describe


@pytest.fixture(autouse=True)
def interruptible():
    """Listen to SIGINT, which a shell switches off in what it starts in its background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def write_demonstrations(folder):
    """Six episodes of 40 steps."""
    info = describe("HalfCheetah-v5")
    rng = np.random.default_rng(0)
    weight = rng.standard_normal((17, 6)) / 6
    episodes = []
    for _ in range(6):
        observations = rng.standard_normal((40, 17)).astype(np.float32)
        labels = np.tanh(observations @ weight).astype(np.float32)
        episodes.append(Demonstration(observations, labels, labels, np.ones(40, np.float32)))
    task = Task.of("HalfCheetah-v5", info.observation_space, info.action_space)
    write_store(folder, task, episodes, {"expert": "shipped"})
    return folder


@pytest.fixture(scope="session")
def store(tmp_path_factory):
    return write_demonstrations(tmp_path_factory.mktemp("store") / "demonstrations")


@pytest.fixture(scope="session")
def fit_words(store):
    """`fit` with epochs of 7 updates, the last one a part: 30 = 4 * 7 + 2."""
    return [
        "fit",
        f"--data.path={store}",
        "--trainer.accelerator=cpu",
        "--trainer.max_steps=30",
        "--trainer.enable_progress_bar=false",
        "--data.batches=7",
        "--data.window=8",
        "--data.burn_in=2",
        "--data.batch_size=4",
        "--model.policy.core.hidden_size=8",
        "--model.policy.core.rank=2",
        "--evaluation.every_n_epochs=0",
        "--checkpoint.every=0.02s",
    ]
