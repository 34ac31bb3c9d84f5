"""Shared by all tests: one thread, an order, memory poisoned with NaN, the folder of real data."""

from __future__ import annotations

import os
from collections.abc import Iterator
from ctypes.util import find_library
from functools import partial
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
# Without the library the very import of MuJoCo would fail; tests that draw then skip.
os.environ.setdefault("MUJOCO_GL", "egl" if find_library("EGL") else "disabled")
os.environ.setdefault("MPLBACKEND", "agg")
# Tests with an empty cache of their own would each have matplotlib look at every font again.
os.environ.setdefault("MPLCONFIGDIR", str(Path.home() / ".cache" / "matplotlib"))

import numpy as np
import pytest
import torch

# The interpreter must be chosen before Triton is first imported; without a GPU it is the only way.
# Tests that compile kernels instead start a process of their own with TRITON_INTERPRET=0.
if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")

_LONGEST = 3600  # seconds of a test of `make test-long`
SHARED = Path(__file__).resolve().parents[2] / "shared"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first, so that no worker is left alone with one at the end.

    Long ones have the time that a busy machine takes.
    """
    for item in items:
        if item.get_closest_marker("long") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(_LONGEST))
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)


@pytest.fixture
def shared_data() -> Path:
    """The folder of third-party data beside the checkout; its tests skip where it is absent."""
    folder = SHARED / "data"
    if not folder.is_dir():
        pytest.skip(f"the shared data folder {folder} is not on this machine")
    return folder


@pytest.fixture(scope="module")
def short_episodes() -> Iterator[None]:
    """MuJoCo's episodes have 20 steps, for tests of anything but how long a robot runs."""
    from lrs_lightning.envs.mujoco_task import MujocoTask

    init = MujocoTask.__init__
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MujocoTask, "__init__", lambda self, env, _: init(self, env, 20))
        yield


@pytest.fixture(scope="module")
def undrawn() -> Iterator[None]:
    """TensorBoard gets no figures, which take longer than all the rest of a tiny `fit`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lrs_lightning.report.plots.figures", lambda *_: {})
        yield


@pytest.fixture
def short_games(monkeypatch: pytest.MonkeyPatch) -> None:
    """Atari games end after 200 emulated frames: players without training last for minutes."""
    from lrs_lightning.envs.atari_games import Preprocessing

    short = partial(Preprocessing, max_frames=200)
    monkeypatch.setattr("lrs_lightning.envs.atari.Preprocessing", short)


@pytest.fixture
def poisoned_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    """`torch.empty`, `np.empty` and their kin hand out NaN, and NumPy's integers the largest there
    are, so that whoever reads what nobody wrote is caught."""

    def poison(make):
        def made(*args, **kwargs):
            tensor = make(*args, **kwargs)
            return tensor.fill_(float("nan")) if tensor.is_floating_point() else tensor

        return made

    def poison_array(make):
        def made(*args, **kwargs):
            array = make(*args, **kwargs)
            if array.dtype.kind in "iu":
                array.fill(np.iinfo(array.dtype).max)
            elif array.dtype.kind in "fc":
                array.fill(np.nan)
            return array

        return made

    monkeypatch.setattr(np, "empty", poison_array(np.empty))
    monkeypatch.setattr(np, "empty_like", poison_array(np.empty_like))
    monkeypatch.setattr(torch, "empty", poison(torch.empty))
    monkeypatch.setattr(torch, "empty_like", poison(torch.empty_like))
    monkeypatch.setattr(torch, "empty_strided", poison(torch.empty_strided))
    monkeypatch.setattr(torch.Tensor, "new_empty", poison(torch.Tensor.new_empty))
