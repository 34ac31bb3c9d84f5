from __future__ import annotations

import io
import subprocess
import sys
from contextlib import nullcontext

import gymnasium as gym
import mujoco
import numpy as np
import pytest
from PIL import Image

from lrs_lightning.errors import ArgumentError, EnvironmentMismatchError
from lrs_lightning.report import mujoco_film
from lrs_lightning.report.films import (
    choices,
    encoded,
    film,
    gif,
    log_gif,
    telling,
    worst_shift,
)
from lrs_lightning.report.mujoco_film import check_drawing, drawn
from lrs_lightning.rollout import rollout
from lrs_lightning.shifts import Condition
from lrs_lightning.statistics.summary import summarize
from tests.evaluation.fakes import rows


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


def test_colours_stay_about_what_they_were():
    frames = np.zeros((3, 8, 6, 3), np.uint8)
    frames[..., 0], frames[1, :4, :, 0], frames[:, 6:, :, 2] = 200, 0, 240
    with Image.open(io.BytesIO(gif(frames, every=1, scale=1))) as file:
        shown = []
        for i in range(3):
            file.seek(i)
            shown.append(np.asarray(file.convert("RGB")).astype(int))
    assert np.abs(shown[0] - frames[0]).max() < 8 and np.abs(shown[1][4:] - frames[1, 4:]).max() < 8


def row(seed, value, status="ok", policy="p", condition="mass@2"):
    found = {"policy": policy, "condition": condition, "status": status}
    return {**found, "seed": seed, "return": value}


def test_the_worst_and_the_median_are_told_from_all_others():
    rows = [row(1, 5.0), row(2, 1.0), row(3, 9.0), row(4, 0.0, "failed"), row(5, -9.0, policy="q")]
    told = telling([*rows, row(6, -5.0, condition="clean")], "p", "mass@2")
    assert {kind: one["seed"] for kind, one in told.items()} == {"worst": 2, "median": 1}
    assert telling(rows, "p", "clean") == {}
    assert list(telling(rows[:2], "p", "mass@2")) == ["worst"]


class Still:
    """Does nothing."""

    def initial_state(self, num_envs):
        return None

    def step(self, observations, state, starts):
        return np.zeros((len(observations), 1), np.float32), None


def glow(shape):
    return (np.arange(np.prod(shape)) % 200).astype(np.uint8).reshape(shape)


class Lantern(gym.Env):
    """Pixels of different brightness, all of which glow more with each step."""

    def __init__(self, shape):
        self.observation_space = gym.spaces.Box(0, 255, shape, np.uint8)
        self.action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.seen = glow(self.observation_space.shape)
        return self.seen, {}

    def step(self, action):
        self.seen = self.seen + np.uint8(1)
        return self.seen, 0.0, False, False, {}


@pytest.mark.parametrize(
    ("shape", "newest"),
    [((9, 8), ...), ((9, 8, 3), ...), ((4, 9, 8), -1), ((2, 9, 8, 3), -1)],
    ids=["grey", "coloured", "stack", "coloured stack"],
)
def test_of_any_task_that_shows_pictures_the_newest_frames_are_filmed(shape, newest, monkeypatch):
    class Watcher(Still):
        def step(self, observations, state, starts):
            return np.zeros(len(observations), np.int64), None

    monkeypatch.setitem(gym.registry, "Lantern-v0", None)
    del gym.registry["Lantern-v0"]
    gym.register("Lantern-v0", Lantern, kwargs={"shape": shape})
    frames = film(Watcher(), "Lantern-v0", "clean", 3, steps=7)
    np.testing.assert_array_equal(frames, [glow(shape)[newest] + k for k in range(7)])


@pytest.fixture
def drawable(monkeypatch):
    monkeypatch.setenv("MUJOCO_GL", "egl")
    try:
        check_drawing()
    except EnvironmentMismatchError as error:
        pytest.skip(str(error))


def test_a_body_is_drawn_as_it_moves(drawable):
    frames = film(Still(), "InvertedPendulum-v5", "gravity@1", 0)
    assert frames.shape[1:] == (144, 192, 3) and 3 < len(frames) <= 120
    assert frames.std() > 5 and not np.array_equal(frames[0], frames[-1])


@pytest.mark.parametrize("most", [1000, 7])
@pytest.mark.parametrize("condition", ["clean", "gravity@2", "gravity[onset=3,ramp=4]@3"])
def test_a_film_shows_the_very_episode_that_was_played(condition, most, monkeypatch):
    """Pose by pose, its physics included; nothing is drawn here."""
    monkeypatch.setattr(mujoco_film, "_camera", lambda model: nullcontext(np.copy))
    task = "InvertedPendulum-v5"
    played = rollout({"p": Still()}, task, [condition], [3], record=True)
    trajectory = next(iter(played)).trajectory
    shown = drawn(task, condition, 3, trajectory, most=most)
    every = -(-len(trajectory.actions) // most)
    poses = trajectory.observations[::every, :2]
    np.testing.assert_array_equal(shown.astype(poses.dtype), poses)
    assert 3 < len(shown) <= most


@pytest.mark.parametrize(
    ("names", "kind", "place"),
    [(["side", "track"], "FIXED", 1), (["side"], "FREE", -1), ([], "FREE", -1)],
)
def test_the_camera_follows_the_body_where_there_is_one_that_does(names, kind, place):
    cameras = "".join(f'<camera name="{name}"/>' for name in names)
    xml = f'<mujoco><worldbody>{cameras}<geom size="1"/></worldbody></mujoco>'
    chosen = mujoco_film._chosen_camera(mujoco.MjModel.from_xml_string(xml))
    assert chosen.type == getattr(mujoco.mjtCamera, f"mjCAMERA_{kind}")
    assert chosen.fixedcamid == place


def test_games_are_shown_twice_as_large_and_half_as_often_and_bodies_as_they_are():
    grey = np.random.default_rng(0).integers(0, 256, (4, 8, 6), dtype=np.uint8)
    coloured = np.repeat(grey[..., None], 3, axis=-1)
    assert encoded(grey) == gif(grey, every=2, scale=2, fps=15.0)
    assert encoded(coloured) == gif(coloured, every=1, scale=1, fps=15.0)


def test_where_nothing_can_be_drawn_a_sentence_says_so(monkeypatch):
    for value, reason in (("off", "MUJOCO_GL switches drawing off"), ("osmesa", "osmesa: ")):
        monkeypatch.setenv("MUJOCO_GL", value)
        monkeypatch.setitem(mujoco_film._MODULES, "osmesa", "no_such_module")
        with pytest.raises(EnvironmentMismatchError, match=reason):
            film(Still(), "InvertedPendulum-v5", "clean", 0)
    with pytest.raises(EnvironmentMismatchError, match="no films: CartPole-v1 has no pictures"):
        film(Still(), "CartPole-v1", "clean", 0)


@pytest.mark.parametrize(
    ("wanted", "asked"),
    [
        ("egl", ["mujoco.egl"]),
        ("osmesa", ["mujoco.osmesa"]),
        ("", ["mujoco.egl", "mujoco.osmesa"]),
        ("glfw", ["mujoco.egl", "mujoco.osmesa"]),  # which needs a display
    ],
)
def test_what_draws_is_what_the_variable_names_or_whatever_there_is(wanted, asked, monkeypatch):
    def absent(name):
        tried.append(name)
        raise ImportError("not\nhere " + 200 * "x")

    tried = []
    monkeypatch.setenv("MUJOCO_GL", wanted)
    monkeypatch.setattr(mujoco_film, "import_module", absent)
    with pytest.raises(EnvironmentMismatchError) as caught:
        check_drawing()
    assert tried == ["triton", *asked]
    told = "; ".join(f"{name.removeprefix('mujoco.')}: not here {111 * 'x'}" for name in asked)
    assert f"without a display ({told}); install EGL or OSMesa" in str(caught.value)


@pytest.mark.parametrize("value", ["disable", "disabled", "off", "false", "0", "OFF"])
def test_drawing_can_be_switched_off(value, monkeypatch):
    monkeypatch.setenv("MUJOCO_GL", value)
    with pytest.raises(EnvironmentMismatchError, match="no films: MUJOCO_GL switches drawing off"):
        check_drawing()


def test_what_is_filmed_has_a_name_of_its_own():
    rows = [row(1, 5.0), row(2, 1.0), row(3, 9.0)]
    conditions = [Condition("mass", 2), Condition("clean")]
    assert [(*c[:2], c.seed) for c in choices(rows, "p", conditions, 7, False)] == [
        ("mass-2-worst", "p", 2),
        ("mass-2-median", "p", 1),
        ("clean-first", "p", 7),
    ]
    assert choices(rows, "p", conditions[1:], 7, True)[0].name == "p-clean-first"


def test_drawing_leaves_triton_loadable(drawable):
    """Two copies of LLVM in one process: in a process of its own, since it would crash."""
    pytest.importorskip("triton")
    first = "from lrs_lightning.report.mujoco_film import check_drawing; check_drawing()"
    code = f"{first}; import triton"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_worst_shift_is_that_of_the_summary(tmp_path):
    assert worst_shift(tmp_path, "p") is None
    own = rows({"clean": 9.0, "mass@1": 7.0, "wind@2": 1.0}, "p", episodes=3)
    summarize(own, {"expert": 10.0, "random": 0.0}, {"name": "p"}).write(tmp_path)
    assert worst_shift(tmp_path, "p") == "wind@2"
    assert worst_shift(tmp_path, "q") is None
