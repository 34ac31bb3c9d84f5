from __future__ import annotations

import numpy as np
import pytest

STEPS = 400


@pytest.mark.parametrize(
    ("severity", "sigma"), list(enumerate([0.05, 0.1, 0.2, 0.3, 0.4], start=1))
)
def test_noise_is_measured_in_the_training_deviation(severity, sigma, worlds):
    context = worlds.sensors()
    shown = np.zeros((STEPS, 8, 5))
    seen = worlds.observe(f"sensor_noise@{severity}", context, shown)
    deviation = seen.std(axis=(0, 1))
    np.testing.assert_allclose(deviation, sigma * context.observation_std, rtol=0.06)
    correlation = np.corrcoef(seen[:, 0, 0], seen[:, 1, 0])[0, 1]
    assert abs(correlation) < 0.15


def test_bias_is_constant_and_of_either_sign(worlds):
    context = worlds.sensors()
    seen = worlds.observe("sensor_bias@3", context, np.zeros((3, 40, 5)))
    np.testing.assert_array_equal(seen[0], seen[2])
    np.testing.assert_allclose(np.abs(seen[0]), np.tile(0.3 * context.observation_std, (40, 1)))
    share = (seen[0] > 0).mean()
    assert 0.4 < share < 0.6


@pytest.mark.parametrize(
    ("severity", "chance"), list(enumerate([0.05, 0.1, 0.2, 0.3, 0.5], start=1))
)
def test_dropout_loses_the_share_it_says(severity, chance, worlds):
    shown = worlds.inputs(worlds.sensors(), 6, STEPS)
    zeroed = worlds.observe(f"sensor_dropout[mode=zero]@{severity}", worlds.sensors(), shown)
    assert (zeroed == 0).mean() == pytest.approx(chance, abs=0.02)
    held = worlds.observe(f"sensor_dropout@{severity}", worlds.sensors(), shown)
    np.testing.assert_array_equal(held[0], shown[0])
    lost = zeroed[1:] == 0
    np.testing.assert_array_equal(held[1:][~lost], shown[1:][~lost])
    np.testing.assert_array_equal(held[1:][lost], held[:-1][lost])


@pytest.mark.parametrize("severity", range(1, 6))
def test_delay_shows_the_past(severity, worlds):
    shown = worlds.inputs(worlds.sensors(), 3, 20)
    seen = worlds.observe(f"sensor_delay@{severity}", worlds.sensors(), shown)
    past = np.maximum(np.arange(20) - severity, 0)
    np.testing.assert_array_equal(seen, shown[past])


@pytest.mark.parametrize(("severity", "removed"), list(enumerate([1, 1, 2, 2, 3], start=1)))
def test_velocities_are_removed_and_positions_stay(severity, removed, worlds):
    context = worlds.sensors()
    shown = worlds.inputs(context, 30, 3)
    seen = worlds.observe(f"velocity_removed@{severity}", context, shown)
    np.testing.assert_array_equal(seen[..., :2], shown[..., :2])
    gone = seen != shown
    np.testing.assert_array_equal(gone.sum(axis=2), removed)
    np.testing.assert_array_equal(gone[0], gone[2])
    assert gone[0, :, 2:].any(axis=0).all(), "every velocity is removed in some episode"
    mean = np.broadcast_to(context.observation_mean, seen.shape)
    np.testing.assert_array_equal(seen[gone], mean[gone])
