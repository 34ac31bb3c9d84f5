"""Frames come back to the last bit, in little memory, and a flipped byte is told."""

from __future__ import annotations

import multiprocessing

import numpy as np
import pytest

from lrs_lightning.data import (
    Demonstration,
    DemonstrationStore,
    FrameWindows,
    PackedFrames,
    Task,
    Windows,
    write_store,
)
from lrs_lightning.data.frames import seen_from, stacked
from lrs_lightning.errors import ArgumentError, DataError

TASK = Task("Pixels-v0", (4, 12, 10), "uint8", actions=3)


def frames(length, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (length, 1, 12, 10), dtype=np.uint8)


def episode(length, seed=0, before=None):
    labels = np.random.default_rng(seed).integers(0, 3, length)
    rewards = np.ones(length, np.float32)
    return Demonstration(frames(length, seed), labels, labels, rewards, before)


def plain_stacks(demonstration, stack=4):
    """The definition: frame by frame, zero before the episode."""
    newest = np.asarray(demonstration.observations)[:, 0]
    known = [] if demonstration.before is None else list(demonstration.before[:, 0])
    padded = [np.zeros_like(newest[0])] * stack + known + list(newest)
    first = len(padded) - len(newest)
    return np.stack([padded[first + t - stack + 1 : first + t + 1] for t in range(len(newest))])


@pytest.mark.parametrize("length", [1, 15, 16, 17, 100])
@pytest.mark.parametrize(
    "steps", [slice(None), slice(0, 5), slice(14, 18), slice(90, 200), slice(3, 3), slice(1, 9, 2)]
)
def test_packed_frames_are_the_frames(length, steps):
    raw = frames(length)
    packed = PackedFrames(raw)
    np.testing.assert_array_equal(packed[steps], raw[steps])
    np.testing.assert_array_equal(np.asarray(packed), raw)
    assert len(packed) == length and packed.shape == raw.shape


def test_a_store_gives_back_every_bit(tmp_path):
    before = frames(3, seed=9)
    written = [episode(40), episode(5, seed=1, before=before), episode(1, seed=2)]
    store = write_store(tmp_path / "s", TASK, written, {})
    for got, want in zip(store, written, strict=True):
        for name in ("observations", "actions", "labels", "rewards"):
            np.testing.assert_array_equal(np.asarray(getattr(got, name)), getattr(want, name))
        assert (got.before is None) == (want.before is None)
    np.testing.assert_array_equal(store[1].before, before)


@pytest.mark.parametrize("stack", [1, 4])
@pytest.mark.parametrize("start", [0, 1, 3, 7, 19])
def test_stacks_are_those_of_the_game(start, stack):
    for before in (None, frames(3, seed=5), frames(1, seed=6)):
        one = episode(20, before=before)
        got = stacked(one.observations, before, start, 6, stack)
        expected = plain_stacks(one, stack)[start : start + 6]
        assert got.shape == (6, stack, 12, 10)
        np.testing.assert_array_equal(got[: len(expected)], expected)


def test_windows_equal_those_of_stacks_held_in_memory(tmp_path, poisoned_empty):
    lengths = [30, 9, 3, 50]
    written = [episode(n, seed=n, before=frames(3, 7) if n == 9 else None) for n in lengths]
    store = write_store(tmp_path / "s", TASK, written, {})
    lazy = FrameWindows(list(store), length=8, burn_in=3)
    whole = Windows(
        [Demonstration(plain_stacks(e), e.actions, e.labels, e.rewards) for e in written], 8, 3
    )
    np.testing.assert_array_equal(lazy.window_starts, whole.window_starts)
    np.testing.assert_array_equal(lazy.tiles(), whole.tiles())
    starts = np.random.default_rng(0).permutation(whole.window_starts)
    for chosen in (starts, lazy.tiles()):
        got, want = lazy[chosen], whole[chosen]
        np.testing.assert_array_equal(got.labels, want.labels)
        np.testing.assert_array_equal(got.loss_mask, want.loss_mask)
        inside = want.loss_mask.numpy() > 0
        np.testing.assert_array_equal(got.observations[inside], want.observations[inside])


def test_another_store_under_the_same_name_is_read_anew(tmp_path):
    first = write_store(tmp_path / "s", TASK, [episode(20, seed=1)], {})
    np.testing.assert_array_equal(np.asarray(first[0].observations), frames(20, 1))
    second = write_store(tmp_path / "s", TASK, [episode(20, seed=2)], {})
    np.testing.assert_array_equal(np.asarray(second[0].observations), frames(20, 2))


def _sum_in_child(folder, queue):
    queue.put(int(np.asarray(DemonstrationStore(folder)[0].observations).sum()))


def test_a_forked_worker_reads_with_a_handle_of_its_own(tmp_path):
    store = write_store(tmp_path / "s", TASK, [episode(40)], {})
    expected = int(np.asarray(store[0].observations).sum())
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_sum_in_child, args=(tmp_path / "s", queue))
    child.start()
    assert queue.get(timeout=60) == expected
    child.join()
    assert int(np.asarray(store[0].observations).sum()) == expected


def test_a_flipped_byte_is_told(tmp_path):
    store = write_store(tmp_path / "s", TASK, [episode(64)], {})
    lazy = store[0].observations
    file = tmp_path / "s" / "episodes.h5"
    content = bytearray(file.read_bytes())
    position = content.find(b"\x78\x5e") if b"\x78\x5e" in content else content.find(b"\x78\x01")
    content[position + 40] ^= 1
    file.write_bytes(content)
    with pytest.raises(DataError, match="cannot be read"):
        lazy[:]
    with pytest.raises(DataError, match="truncated or altered"):
        DemonstrationStore(tmp_path / "s")


def test_no_window_is_left_to_learn_from():
    with pytest.raises(ArgumentError, match="burn_in is 8"):
        FrameWindows([episode(20)], 8, 8)
    with pytest.raises(ArgumentError, match="no episodes"):
        FrameWindows([], 8, 0)


def test_frames_are_stored_once_in_short_compressed_chunks(tmp_path):
    """Pictures change little: what is stored is far smaller than what it unpacks to."""
    import h5py

    still = np.repeat(frames(1), 320, axis=0)
    labels = np.zeros(320, int)
    one = Demonstration(PackedFrames(still), labels, labels, np.ones(320))
    store = write_store(tmp_path / "s", TASK, [one], {})
    file = store.folder / "episodes.h5"
    with h5py.File(file) as content:
        stored = content["episodes/00000/observations"]
        assert stored.shape == (320, 1, 12, 10) and stored.dtype == np.uint8
        assert stored.chunks[0] == 16 and stored.compression == "gzip" and stored.fletcher32
        assert stored.id.get_storage_size() < still.nbytes / 5
        assert content["episodes/00000/rewards"].dtype == np.float32


def test_what_waits_to_be_written_is_packed():
    from lrs_lightning.data.collect import _compact

    assert isinstance(_compact(frames(20)), PackedFrames)
    assert _compact(np.zeros((3, 2))).dtype == np.float32


def test_what_was_recorded_as_it_was_seen_is_read_as_it_is():
    rng = np.random.default_rng(0)
    seen = rng.integers(0, 255, (5, 3, 8, 9), np.uint8)
    np.testing.assert_array_equal(seen_from(seen, None, 1, 3, 3), seen[1:4])
    padded = seen_from(seen, None, 3, 4, 3)
    np.testing.assert_array_equal(padded, seen[[3, 4, 4, 4]])
    single = rng.integers(0, 255, (5, 1, 8, 9), np.uint8)
    np.testing.assert_array_equal(seen_from(single, None, 1, 3, 4), stacked(single, None, 1, 3, 4))
