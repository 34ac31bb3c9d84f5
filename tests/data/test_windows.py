"""Windows stay inside their episode, and learn only where the state is the closed loop's own."""

import numpy as np
import pytest
import torch

from lrs_lightning.data import Demonstration, FixedBatches, RandomBatches, Windows, oversample
from lrs_lightning.errors import ArgumentError


def episode(steps: int, offset: int) -> Demonstration:
    """Observation t of an episode is its offset plus t, so that a step says where it is from."""
    values = np.arange(offset, offset + steps, dtype=np.float32)
    return Demonstration(values[:, None], values[:, None], -values[:, None], values)


@pytest.fixture
def windows() -> Windows:
    return Windows([episode(10, 100), episode(3, 200), episode(8, 300)], length=4, burn_in=2)


def test_every_window_is_contiguous_and_inside_one_episode(windows):
    batch = windows[windows.window_starts]
    seen = batch.observations[..., 0]
    assert seen.shape == (7 + 1 + 5, 4)
    counted = batch.loss_mask.bool()
    steps = seen.diff(dim=1)
    assert ((steps == 1) | ~counted[:, 1:]).all()
    assert (seen // 100 == seen[:, :1] // 100).all()
    torch.testing.assert_close(batch.labels[..., 0], -seen)


def test_burn_in_is_not_learned_except_at_an_episodes_start(windows):
    batch = windows[np.array([0, 1, 10, 13])]  # steps 100, 101, 200, 300
    assert batch.loss_mask.tolist() == [[1, 1, 1, 1], [0, 0, 1, 1], [1, 1, 1, 0], [1, 1, 1, 1]]


def test_tiles_cover_every_step_once(windows):
    windows.index.burn_in = 0
    batch = windows[windows.tiles()]
    seen = batch.observations[..., 0][batch.loss_mask.bool()]
    assert sorted(seen.tolist()) == [*range(100, 110), *range(200, 203), *range(300, 308)]


def test_every_step_of_a_window_is_found_again_in_its_episode(windows):
    """Past an episode's end, where its last step is repeated, too."""
    seen = windows[windows.window_starts].observations[..., 0]
    for start, values in zip(windows.window_starts, seen.tolist(), strict=True):
        for step, value in enumerate(values):
            episode, at = windows.index.locate(start, step)
            assert (episode + 1) * 100 + at == value


def test_a_batch_is_a_function_of_the_seed_and_its_number(windows):
    def order(seed: int, position: int) -> list[list[int]]:
        batches = RandomBatches(
            windows.window_starts, 5, batches=3, seed=seed, position=lambda: position
        )
        return [batch.tolist() for batch in batches]

    assert order(0, 1) == order(0, 1)
    assert order(0, 1)[1:] == order(0, 2)[:2]
    assert order(0, 1) != order(1, 1)
    assert len(order(0, 0)) == 3


def test_fixed_batches_keep_the_last_short_one():
    batches = FixedBatches(np.arange(7), 3)
    assert [b.tolist() for b in batches] == [[0, 1, 2], [3, 4, 5], [6]]
    assert len(batches) == 3


@pytest.mark.parametrize(("length", "burn_in"), [(4, 4), (4, -1), (0, 0)])
def test_a_window_without_a_step_to_learn_is_refused(length, burn_in):
    with pytest.raises(ArgumentError, match="at least one step must be left"):
        Windows([episode(5, 0)], length, burn_in)


def test_no_episodes():
    with pytest.raises(ArgumentError, match="no episodes"):
        Windows([], 4, 1)


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5])
def test_some_starts_are_drawn_as_often_as_asked(share):
    starts, some = np.arange(1000), np.array([0, 500])
    chosen = oversample(starts, some, share)
    assert set(chosen) == set(starts)
    assert np.isin(chosen, some).mean() == pytest.approx(max(share, 0.002), abs=0.002)


@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_a_share_that_cannot_be(share):
    with pytest.raises(ArgumentError, match="start_share is"):
        oversample(np.arange(3), np.array([0]), share)
