"""Visual shifts, on frames whose answer is known."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

from lrs_lightning.shifts import ShiftContext, make

pytestmark = pytest.mark.usefixtures("poisoned_empty")

LEVELS = range(1, 6)


def flat(grey, rows=4, steps=3, size=(84, 84)):
    return np.full((steps, rows, *size), grey, np.uint8)


@pytest.fixture
def see(worlds):
    def through(text, shown, **kwargs):
        return worlds.observe(text, worlds.frames(*shown.shape[2:]), shown, **kwargs)

    return through


@pytest.mark.parametrize(
    ("k", "sigma"), list(zip(LEVELS, (0.08, 0.12, 0.18, 0.26, 0.38), strict=True))
)
def test_gaussian_noise_has_its_deviation(k, sigma, see):
    seen = see(f"gaussian_noise@{k}", flat(128)).astype(float) / 255
    clipped = np.clip(128 / 255 + sigma * np.random.default_rng(0).normal(size=200_000), 0, 1)
    assert seen.mean() == pytest.approx(clipped.mean(), abs=0.01)
    assert seen.std() == pytest.approx(clipped.std(), rel=0.03)


@pytest.mark.parametrize(("k", "white"), list(zip(LEVELS, (60, 25, 12, 5, 3), strict=True)))
@pytest.mark.parametrize("grey", [0, 40, 200])
def test_shot_noise_is_poisson(k, white, grey, see):
    seen = see(f"shot_noise@{k}", flat(grey)).astype(float) / 255
    mean = grey / 255 * white
    expected = np.minimum(np.random.default_rng(0).poisson(mean, 200_000) / white, 1)
    assert seen.mean() == pytest.approx(expected.mean(), abs=0.01)
    assert seen.std() == pytest.approx(expected.std(), abs=0.01)


@pytest.mark.parametrize(
    ("k", "share"), list(zip(LEVELS, (0.03, 0.06, 0.09, 0.17, 0.27), strict=True))
)
def test_impulse_noise_is_salt_and_pepper(k, share, see):
    seen = see(f"impulse_noise@{k}", flat(77))
    assert (seen == 0).mean() == pytest.approx(share / 2, abs=0.005)
    assert (seen == 255).mean() == pytest.approx(share / 2, abs=0.005)
    assert set(np.unique(seen)) == {0, 77, 255}


@pytest.mark.parametrize("k", LEVELS)
def test_brightness_moves_the_value(k, see):
    def grey(text, shown):
        (value,) = np.unique(see(text, flat(shown)))
        return int(value)

    assert grey(f"brightness_up@{k}", 100) == pytest.approx(min(100 + 25.5 * k, 255), abs=0.5)
    assert grey(f"brightness_down@{k}", 150) == pytest.approx(150 - 25.5 * k, abs=0.5)
    assert (grey(f"brightness_up@{k}", 250), grey(f"brightness_down@{k}", 3)) == (255, 0)


def test_brightness_of_colours_keeps_their_hue(see):
    shown = np.zeros((1, 1, 8, 8, 3), np.uint8)
    shown[..., :] = (100, 50, 0)
    np.testing.assert_allclose(see("brightness_up@2", shown)[0, 0, 0, 0], (151, 76, 0), atol=1)
    black = np.zeros((1, 1, 8, 8, 3), np.uint8)
    np.testing.assert_allclose(see("brightness_up@2", black)[0, 0, 0, 0], (51, 51, 51))


@pytest.mark.parametrize(
    ("k", "factor"), list(zip(LEVELS, (0.4, 0.3, 0.2, 0.1, 0.05), strict=True))
)
def test_contrast_shrinks_about_the_mean(k, factor, see):
    shown = flat(50)
    shown[..., :42] = 150
    seen = see(f"contrast@{k}", shown)
    np.testing.assert_allclose(np.unique(seen), 100 + factor * np.array([-50, 50]), atol=0.51)


@pytest.mark.parametrize(("k", "sigma"), list(zip(LEVELS, (1, 2, 3, 4, 6), strict=True)))
def test_blur_spreads_a_point_as_a_gaussian_and_keeps_flat_areas(k, sigma, see):
    assert np.unique(see(f"blur@{k}", flat(90))).tolist() == [90]
    shown = flat(0, 1, 1)
    shown[0, 0, 30:54, 30:54] = 255
    seen = see(f"blur@{k}", shown)[0, 0].astype(float)
    assert seen.sum() == pytest.approx(shown.sum(), rel=0.02)
    # Variances of box and kernel add up.
    profile = seen.sum(axis=0) / seen.sum()
    place = np.arange(84)
    variance = (profile * (place - (profile * place).sum()) ** 2).sum()
    assert variance == pytest.approx((24**2 - 1) / 12 + sigma**2, rel=0.05)


@pytest.mark.parametrize(("k", "share"), list(zip(LEVELS, (0.2, 0.4, 0.6, 0.8, 1.0), strict=True)))
def test_inversion_covers_its_share(k, share, see):
    seen = see(f"inverted@{k}", flat(55, size=(100, 20)))
    assert (seen == 200).mean() == pytest.approx(share)
    assert (seen == 55).mean() == pytest.approx(1 - share)


@pytest.mark.parametrize("name", ["occlusion", "drifting_occlusion"])
@pytest.mark.parametrize(("k", "area"), list(zip(LEVELS, (0.05, 0.1, 0.2, 0.3, 0.4), strict=True)))
def test_a_box_covers_its_share_of_the_area(name, k, area, see):
    seen = see(f"{name}@{k}", flat(0, 12, 60))
    hidden = seen == 128
    np.testing.assert_allclose(hidden.mean(axis=(2, 3)), area, atol=0.012)
    # One box: as many rows times columns as there are hidden pixels.
    rows, columns = hidden.any(axis=3).sum(axis=2), hidden.any(axis=2).sum(axis=2)
    np.testing.assert_array_equal(rows * columns, hidden.sum(axis=(2, 3)))
    moves = (hidden[1:] != hidden[:-1]).any(axis=(2, 3))
    assert moves.any() == (name == "drifting_occlusion")
    if name == "drifting_occlusion":
        top = hidden.any(axis=3).argmax(axis=2)
        assert np.abs(np.diff(top, axis=0)).max() <= 1


def test_boxes_of_episodes_lie_apart(see):
    hidden = see("occlusion@1", flat(0, 30, 1))[0] == 128
    assert len({h.tobytes() for h in hidden}) > 25
    assert hidden.any(axis=0).mean() > 0.6, "they reach most of the frame"


@pytest.mark.parametrize(("k", "still"), list(zip(LEVELS, (2, 4, 8, 12, 16), strict=True)))
def test_freezing_shows_the_last_frame_that_arrived(k, still, see):
    shown = np.arange(1, 101, dtype=np.uint8)[:, None, None, None] * np.ones((3, 8, 8), np.uint8)
    seen = see(f"frame_freeze@{k}", shown)[:, :, 0, 0]
    repeats = seen[1:] == seen[:-1]
    assert (repeats[19:].mean(axis=0) == pytest.approx(still / 20, abs=0.02)) and seen[0, 0] == 1
    np.testing.assert_array_equal(seen[1:][~repeats], shown[1:, :, 0, 0][~repeats])


@pytest.mark.parametrize(
    ("k", "chance"), list(zip(LEVELS, (0.05, 0.1, 0.2, 0.3, 0.5), strict=True))
)
def test_dropped_frames_are_black(k, chance, see):
    seen = see(f"frame_drop@{k}", flat(9, 10, 300, (4, 4)))[:, :, 0, 0]
    assert set(np.unique(seen)) == {0, 9}
    assert (seen == 0).mean() == pytest.approx(chance, abs=0.03)


class TestStacks:
    def test_each_frame_of_a_stack_was_shifted_at_its_own_step(self, see, worlds):
        frames = worlds.inputs(worlds.frames(8, 8), 2, 12)
        stacks = np.zeros((12, 2, 4, 8, 8), np.uint8)
        for t in range(12):
            for age in range(min(t, 3) + 1):
                stacks[t, :, 3 - age] = frames[t - age]
        single = see("gaussian_noise@3", frames)
        stacked = see("gaussian_noise@3", stacks)
        for t in range(12):
            for age in range(4):
                expected = single[t - age] if age <= t else np.zeros((2, 8, 8))
                np.testing.assert_array_equal(stacked[t, :, 3 - age], expected)

    def test_a_new_episode_starts_its_own_stack(self, worlds):
        from lrs_lightning.shifts import make

        context = worlds.frames(2, 8, 8)
        world, rows = make("inverted@5", context, 1), np.array([0])
        shown = worlds.inputs(context, 1, 3)
        for _ in range(2):
            world.begin(rows, [0], [0])
            seen = [world.observe(shown[t], rows, np.array([t])) for t in range(3)]
            np.testing.assert_array_equal(seen[0][0, 0], shown[0, 0, 0])
            np.testing.assert_array_equal(seen[1][0, 0], 255 - shown[0, 0, 1])
            np.testing.assert_array_equal(seen[2][0], 255 - shown[1:, 0, 1])

    @pytest.mark.parametrize("shape", [(8, 8), (4, 8, 8), (8, 8, 3), (4, 8, 8, 3)])
    def test_layouts(self, shape, see, worlds):
        shown = worlds.inputs(worlds.frames(*shape), 2, 3)
        seen = see("inverted@5", shown)
        assert seen.shape == shown.shape
        newest = (slice(None), slice(None), -1) if shape[0] == 4 else ()
        np.testing.assert_array_equal(seen[newest], 255 - shown[newest])


@pytest.mark.parametrize("frames", [1, 2])
def test_a_coloured_frame_with_its_channels_first_is_shifted_as_one(frames):
    rng = np.random.default_rng(0)
    last = rng.integers(0, 255, (2, frames, 3, 12, 10), np.uint8)
    first = last.transpose(0, 1, 3, 4, 2)  # (N, S, H, W, 3), as `(S * 3, H, W)` is unrolled
    first = first[:, 0] if frames == 1 else first
    context = ShiftContext(
        observation_space=gym.spaces.Box(0, 255, (3 * frames, 12, 10), np.uint8), frame_channels=3
    )
    other = ShiftContext(observation_space=gym.spaces.Box(0, 255, first.shape[1:], np.uint8))
    shifted = []
    for seen, told in ((last.reshape(2, -1, 12, 10), context), (first, other)):
        world = make("gaussian_noise@3", told, 2)
        world.begin(np.arange(2), [5, 6], [0, 1])
        steps = [world.observe(seen, np.arange(2), np.full(2, t)) for t in range(2)]
        shifted.append(np.stack(steps))
    ours, theirs = shifted
    theirs = theirs[:, :, None] if frames == 1 else theirs
    np.testing.assert_array_equal(ours, theirs.transpose(0, 1, 2, 5, 3, 4).reshape(ours.shape))
    assert (ours[0, :, -3:] != last[:, -1]).any()
