import pytest

from lrs_lightning.data.noise_schedule import noise_schedule, schedule_for
from lrs_lightning.data.recipe import Recipe
from lrs_lightning.errors import ArgumentError


@pytest.mark.parametrize(
    ("noise", "episodes", "expected"),
    [
        ("0:0.4", 5, [0, 0.1, 0.2, 0.3, 0.4]),
        ("0.3", 3, [0.3, 0.3, 0.3]),
        ("0", 1, [0]),
        (0.2, 2, [0.2, 0.2]),
        ("0:0.4", 1, [0]),
    ],
)
def test_schedule(noise, episodes, expected):
    assert noise_schedule(noise, episodes) == pytest.approx(expected)


@pytest.mark.parametrize("noise", ["", "loud", "-0.1", "0:0.1:0.2", "nan", "0:inf"])
def test_what_is_no_noise_is_named(noise):
    with pytest.raises(ArgumentError, match="expected auto, one standard deviation"):
        noise_schedule(noise, 3)


@pytest.mark.parametrize(("env", "usual"), [("HalfCheetah-v5", "0:0.4"), ("CartPole-v1", "0:0.1")])
def test_the_usual_schedule_is_that_of_the_kind_of_actions(env, usual):
    assert schedule_for(env) == usual
    assert schedule_for(env, "0:0.4") == "0:0.4" and schedule_for(env, 0.20) == "0.2"
    assert Recipe(env).folder == Recipe(env, noise=usual).folder
    assert Recipe(env).folder != Recipe(env, noise="0").folder
