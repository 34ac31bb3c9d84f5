"""Statistics of VecNormalize are read as numbers; nothing that a pickle names is run."""

from __future__ import annotations

import os
import pickle
import sys

import numpy as np
import pytest

from lrs_lightning.errors import ArgumentError, DataError
from lrs_lightning.experts.inert_pickle import array_of, read_inert
from lrs_lightning.experts.normalisation import Normalisation
from lrs_lightning.experts.sb3_statistics import find_statistics, read_statistics
from tests.experts.statistics import RunningMeanStd, VecNormalize, saved


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_numbers_of_every_protocol(tmp_path, protocol):
    path = saved(tmp_path / "a.pkl", [1, 2], [4, 9], protocol, clip_obs=np.float64(1.5))
    found = read_statistics(path)
    x = np.array([[3.0, 2.0], [100.0, -100.0]])
    expected = np.clip((x - [1, 2]) / np.sqrt(np.array([4, 9]) + 1e-8), -1.5, 1.5)
    np.testing.assert_array_equal(found(x), expected.astype(np.float32))


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("array", [np.arange(6.0).reshape(2, 3), np.arange(4, dtype=np.float32)])
def test_arrays_are_read_to_the_last_bit(array, protocol):
    for one in (array, np.asfortranarray(array)):
        found = array_of(read_inert(pickle.dumps(one, protocol=protocol)))
        np.testing.assert_array_equal(found, array)


def test_statistics_of_matrices_are_those_of_their_channels(tmp_path):
    found = read_statistics(saved(tmp_path / "a.pkl", [[1, 2, 3], [4, 5, 6]], np.full((2, 3), 4)))
    np.testing.assert_array_equal(found.mean, [1, 2, 3, 4, 5, 6])
    np.testing.assert_array_equal(found.variance, np.full(6, 4))


def test_what_an_older_file_does_not_say_is_as_it_was_then(tmp_path):
    moments = RunningMeanStd(np.zeros(1), np.ones(1))
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(VecNormalize(obs_rms=moments)))
    found = read_statistics(tmp_path / "a.pkl")
    assert (found.epsilon, found.limit) == (1e-8, 10.0)
    assert (found.epsilon, found.limit) == (
        Normalisation(found.mean, found.variance).epsilon,
        Normalisation(found.mean, found.variance).limit,
    )


def test_normalisation_is_of_the_right_kind_of_numbers():
    normal = Normalisation(np.array([1e8, 0.0]), np.array([0.0, 3.0]), epsilon=1.0, limit=2.5)
    x = np.array([[1e8 + 1, 2.0], [1e8 - 1, -9.0], [1e8, 0.5]])
    found = normal(x)  # in single precision 1e8 + 1 would be 1e8
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, [[1, 1], [-1, -2.5], [0, 0.25]])


@pytest.mark.parametrize("epsilon", [-1e-9, np.nan, np.inf])
def test_an_epsilon_is_finite_and_not_negative(epsilon):
    Normalisation(np.zeros(2), np.zeros(2), epsilon=0.0)
    with pytest.raises(DataError, match="the statistics have"):
        Normalisation(np.zeros(2), np.zeros(2), epsilon=epsilon)


@pytest.mark.parametrize("limit", [0.0, -1.0, np.nan])
def test_a_limit_is_positive(limit):
    Normalisation(np.zeros(2), np.zeros(2), limit=np.inf)
    with pytest.raises(DataError, match="negative variance, epsilon or limit"):
        Normalisation(np.zeros(2), np.zeros(2), limit=limit)


def test_observations_that_were_left_alone(tmp_path):
    assert read_statistics(saved(tmp_path / "a.pkl", [0], [1], norm_obs=False)) is None


class Malice:
    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return os.mkdir, (str(self.trace),)


def test_nothing_is_run_and_nothing_is_imported(tmp_path, monkeypatch):
    trace = tmp_path / "ran"
    (tmp_path / "evil_module.py").write_text(f"import os; os.mkdir({str(trace)!r})")
    monkeypatch.syspath_prepend(tmp_path)
    saved(tmp_path / "a.pkl", [0], [1], extra=Malice(trace))
    assert read_statistics(tmp_path / "a.pkl") is not None
    (tmp_path / "b.pkl").write_bytes(b"cevil_module\nThing\n)R.")
    with pytest.raises(DataError, match="no obs_rms"):
        read_statistics(tmp_path / "b.pkl")
    assert not trace.exists() and "evil_module" not in sys.modules


@pytest.mark.parametrize(
    ("mean", "var", "message"),
    [
        ([0, np.nan], [1, 1], "one finite number of each"),
        ([0, 0], [1, -1], "negative variance"),
        ([0, 0], [1], "mean \\(2,\\) and variance \\(1,\\)"),
    ],
)
def test_numbers_that_are_no_statistics(tmp_path, mean, var, message):
    with pytest.raises(DataError, match=message):
        read_statistics(saved(tmp_path / "a.pkl", mean, var))


@pytest.mark.parametrize(
    "content", [b"", b"\x80\x04.", b"junk", pickle.dumps({"a": 1}), pickle.dumps([1])]
)
def test_files_that_are_something_else(tmp_path, content):
    (tmp_path / "a.pkl").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.pkl holds no statistics of VecNormalize"):
        read_statistics(tmp_path / "a.pkl")


def test_every_cut_is_told(tmp_path):
    content = saved(tmp_path / "a.pkl", [1, 2], [4, 9]).read_bytes()
    for end in range(len(content) - 1):
        (tmp_path / "a.pkl").write_bytes(content[:end])
        with pytest.raises(DataError):
            read_statistics(tmp_path / "a.pkl")


def test_statistics_of_dictionaries_are_told(tmp_path):
    state = {"norm_obs": True, "obs_rms": {"a": RunningMeanStd(np.zeros(1), np.ones(1))}}
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(VecNormalize(**state)))
    with pytest.raises(DataError, match="not of one vector"):
        read_statistics(tmp_path / "a.pkl")


def test_the_file_beside_the_zip(tmp_path):
    zipped = tmp_path / "best.zip"
    assert find_statistics(zipped) is None
    (tmp_path / "replay_buffer.pkl").touch()
    assert find_statistics(zipped) is None
    (tmp_path / "vec_normalize.pkl").touch()
    assert find_statistics(zipped) == tmp_path / "vec_normalize.pkl"
    (tmp_path / "last_vecnormalize.pkl").touch()
    with pytest.raises(ArgumentError, match="any of last_vecnormalize.pkl, vec_normalize.pkl"):
        find_statistics(zipped)
    (tmp_path / "best_vecnormalize.pkl").touch()
    assert find_statistics(zipped) == tmp_path / "best_vecnormalize.pkl"


def test_statistics_that_are_missing_or_of_other_channels(tmp_path):
    with pytest.raises(ArgumentError, match="cannot read the statistics"):
        read_statistics(tmp_path / "nowhere.pkl")
    with pytest.raises(DataError, match="negative variance, epsilon or limit"):
        Normalisation(np.zeros(1), np.ones(1), limit=0.0)
