"""A configuration is read as `fit` reads it, and nothing is done."""

from __future__ import annotations

import pytest

from lrs_lightning.errors import LrsError
from lrs_lightning.training.dry_run import check_configuration, parts


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({"model": {"lrr": 1}}, "unknown key 'model.lrr'"),
        ({"data": {"env": "HalfCheeta-v5"}}, "did you mean 'HalfCheetah-v5'"),
        ({"data": {"path": "nowhere"}}, "no demonstrations in nowhere"),
        ({"population": {"grid": {"rank": [2, 99]}}}, "member 'rank-99': rank is 99"),
        ({"dagger": {"rounds": 0}}, "dagger.rounds"),
    ],
)
def test_what_fit_would_refuse_is_refused(content, sentence):
    with pytest.raises(LrsError, match=sentence):
        check_configuration(content)


def test_what_fit_would_take_is_taken():
    check_configuration({"population": {"grid": {"rank": [2, 4]}}, "trainer": {"max_steps": 3}})


@pytest.mark.parametrize(
    ("words", "noise"), [([], "0:0.1"), (["--data.noise=0.2"], "0.2"), (["--data.noise=0"], "0")]
)
def test_the_noise_of_the_task_stands_in_the_configuration(words, noise):
    assert parts("--data.env=CartPole-v1", *words).config.fit.data.noise == noise
