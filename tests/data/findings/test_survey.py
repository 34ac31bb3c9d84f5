"""What looks wrong is found, and what is only unusual is left alone."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from lrs_lightning.data import Demonstration, Task, observation_statistics
from lrs_lightning.data.findings import Survey
from lrs_lightning.data.findings.images import blockiness
from lrs_lightning.data.moments import Moments, near_constant

TASK = Task("A-v0", (4,), "float32", action_low=(-1.0,), action_high=(1.0,))
FRAMES = Task("A-v0", (4, 64, 48), "uint8", actions=3)


def episode(seed: int, steps: int = 40, **arrays: Any) -> Demonstration:
    rng = np.random.default_rng(seed)
    actions = rng.uniform(-1, 1, (steps, 1))
    made = {
        "observations": rng.normal(size=(steps, 4)),
        "actions": actions,
        "labels": actions,
        "rewards": rng.normal(size=steps),
    }
    return Demonstration(**(made | arrays))


def found(episodes: list[Demonstration], task: Task = TASK) -> dict[str, str]:
    survey = Survey(task)
    assert list(survey.watch(episodes)) == episodes
    return {finding.kind: str(finding) for finding in survey.findings()}


def seen(seed: int, scale: Any = 1.0, mean: Any = 0.0, steps: int = 40) -> np.ndarray:
    return mean + scale * np.random.default_rng(seed).normal(size=(steps, 4))


def test_ordinary_episodes_raise_no_suspicion() -> None:
    assert found([episode(i) for i in range(5)]) == {}
    assert found([]) == {}
    assert found([episode(0, steps=1)]) == {}


def test_a_channel_of_rounding_is_told_and_not_scaled_up() -> None:
    noisy = [episode(i, observations=seen(i, [1, 1e-6, 1, 2])) for i in range(3)]
    told = found(noisy)["near-constant channel"]
    assert "(channel 1)" in told and "e-07 where the median is" in told and "leave it out" in told
    _, deviation = observation_statistics(
        [episode(i, observations=seen(i, [1, 1e-6, 1, 2])) for i in range(3)], TASK
    )
    assert deviation[1] == 0 and bool((deviation[[0, 2, 3]] > 0.9).all())


@pytest.mark.parametrize(
    ("scale", "mean"),
    [
        (1e-7, 0.0),  # all in a small unit: nothing is constant
        (1e6, 0.0),
        ([1, 0.01, 100, 1], 0.0),
        (0.5, 1000.0),  # an altitude in metres
    ],
)
def test_the_unit_does_not_matter(scale: Any, mean: float) -> None:
    assert found([episode(i, observations=seen(i, scale, mean)) for i in range(3)]) == {}


def test_a_channel_that_never_moves_is_no_finding() -> None:
    assert found([episode(i, observations=seen(i, [1, 0, 1, 1], 3.0)) for i in range(3)]) == {}


def test_moments_are_those_of_all_steps_at_once() -> None:
    parts = [seen(i, [1, 2, 3, 1e-3], 1e4, steps=i + 1) for i in range(6)]
    moments = Moments((4,))
    for part in [*parts, parts[0][:0]]:
        moments.add(part)
    whole = np.concatenate(parts)
    assert moments.count == len(whole)
    np.testing.assert_allclose(moments.mean, whole.mean(0), rtol=1e-13)
    np.testing.assert_allclose(moments.deviation, whole.std(0), rtol=1e-9)
    assert near_constant(np.zeros(0), np.zeros(0)).shape == (0,)


def test_first_rows_that_are_like_no_other_are_told() -> None:
    def begun(seed: int, first: float) -> Demonstration:
        values = seen(seed)
        values[0, 2] = first
        return episode(seed, observations=values)

    told = found([begun(i, 86.0) for i in range(6)])["first step"]
    assert "episode 0, 1, 2, 3, 4, 5" in told and "channel 2" in told and "start_share" in told
    assert 80 < int(told.split("up to ")[1].split()[0]) < 110
    assert "first step" not in found([begun(i, 4.0) for i in range(6)])
    assert "first step" not in found([begun(i, 86.0 if i == 0 else 0.0) for i in range(6)])


def test_copies_are_told_by_their_numbers() -> None:
    told = found([episode(0), episode(1), episode(0), episode(0)])["duplicate"]
    assert "episode 0 = 2 = 3" in told and "2 episodes repeat" in told


def test_sums_of_rewards_are_told_apart_from_rewards() -> None:
    def earned(rewards: Any) -> list[Demonstration]:
        return [episode(i, rewards=np.asarray(rewards(np.random.default_rng(i)))) for i in range(4)]

    assert "cumulative rewards" in found(earned(lambda r: np.cumsum(r.random(40))))
    assert "cumulative rewards" in found(earned(lambda r: -np.cumsum(0.5 + r.random(40))))
    for ordinary in (
        lambda r: r.random(40),
        lambda r: np.zeros(40),
        lambda r: np.ones(40),
        lambda r: np.linspace(-1, 0, 40),  # the distance to a goal, which is approached
        lambda r: (np.arange(40) > 30).astype(float),  # earned at the goal alone
    ):
        assert found(earned(ordinary)) == {}


def picture(seed: int) -> np.ndarray:
    """Noise of some pixels' width, as textures are."""
    rng = np.random.default_rng(seed)
    coarse = torch.from_numpy(rng.random((1, 1, 22, 17)))
    size = {"size": (64, 48), "mode": "bicubic", "align_corners": True}
    fine = torch.nn.functional.interpolate(coarse, **size)[0, 0].numpy()
    return np.uint8(np.clip(40 + 170 * fine + rng.normal(size=(64, 48)), 0, 255))


def coded(frame: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(frame).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def test_frames_that_went_through_a_codec_are_told() -> None:
    def film(change: Any) -> list[Demonstration]:
        frames = np.stack([change(picture(i)) for i in range(4)])[:, None]
        return [episode(0, observations=frames, actions=np.zeros(4), labels=np.zeros(4))]

    assert "lossy images" in found(film(lambda frame: coded(frame, 10)), FRAMES)
    assert found(film(lambda frame: frame), FRAMES) == {}
    flat = np.full((1, 64, 48), 7, np.uint8)
    assert blockiness(flat) == 1.0
