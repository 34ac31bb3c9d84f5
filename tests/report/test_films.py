from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from lrs_lightning.errors import ArgumentError
from lrs_lightning.report.films import film, gif, log_gif


def pictures(content):
    """Every frame of a GIF, grey."""
    with Image.open(io.BytesIO(content)) as file:
        frames = []
        for i in range(file.n_frames):
            file.seek(i)
            frames.append(np.asarray(file.convert("L")))
        return frames, file.info


def test_a_gif_holds_the_frames_that_were_put_in():
    frames = np.random.default_rng(0).integers(0, 256, (7, 8, 6), dtype=np.uint8)
    shown, info = pictures(gif(frames, every=3, scale=2, fps=15))
    assert len(shown) == 3 and info["duration"] == 200 and info["loop"] == 0
    for got, want in zip(shown, frames[::3], strict=True):
        np.testing.assert_array_equal(got, want.repeat(2, 0).repeat(2, 1))


@pytest.mark.parametrize(
    "frames", [np.zeros((0, 8, 8), np.uint8), np.zeros((3, 8, 8)), np.zeros((3, 8), np.uint8)]
)
def test_what_is_no_film_is_told(frames):
    with pytest.raises(ArgumentError, match=r"expected uint8 \(L, H, W\)"):
        gif(frames)


def test_tensorboard_gets_the_very_gif(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from torch.utils.tensorboard import SummaryWriter

    content = gif(np.random.default_rng(0).integers(0, 256, (4, 8, 6), dtype=np.uint8))
    with SummaryWriter(str(tmp_path)) as writer:
        log_gif(writer, "films/clean", content, 7)
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    (image,) = events.Images("films/clean")
    assert image.encoded_image_string == content and image.step == 7
    assert (image.width, image.height) == (12, 16)


def test_a_film_shows_what_the_policy_saw():
    pytest.importorskip("ale_py")
    seen = []

    class Watcher:
        def initial_state(self, num_envs):
            return None

        def step(self, observations, state, starts):
            seen.append(observations[0, -1].copy())
            return np.ones(len(observations), np.int64), state

    frames = film(Watcher(), "Breakout", "brightness_up@5", seed=3, steps=12)
    assert frames.shape == (12, 84, 84)
    np.testing.assert_array_equal(frames, seen)
    clean = film(Watcher(), "Breakout", "clean", seed=3, steps=12)
    assert frames.mean() > clean.mean() + 50


def test_a_game_by_any_name_is_the_same_evaluation(tmp_path, monkeypatch):
    pytest.importorskip("ale_py")
    from functools import partial

    from lrs_lightning.envs import Preprocessing
    from lrs_lightning.evaluation.evaluate import evaluate
    from lrs_lightning.experts import load_expert

    monkeypatch.setattr(
        "lrs_lightning.envs.atari.Preprocessing", partial(Preprocessing, max_frames=80)
    )
    expert = load_expert("shipped", "Breakout")
    play = partial(evaluate, {"expert": expert}, suite=["clean"], episodes=1, out=tmp_path)
    first = play(env_id="Breakout")
    rows = (tmp_path / "results.jsonl").read_text()
    again = play(env_id="ALE/Breakout-v5")  # played already: nothing is added
    assert (tmp_path / "results.jsonl").read_text() == rows and rows.count("\n") == 1
    assert first.env == again.env == "ALE/Breakout-v5"
    # Both played these very episodes, and once.
    assert first.references == again.references
    assert first.references["expert"] == first.conditions[0]["return_mean"]
