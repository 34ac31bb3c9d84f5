"""How an episode came to be is written down by what is not the default, and reads back whole."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest

from lrs_lightning.data.demonstration import Demonstration, Origin

FULL = {
    "actor": "student-3",
    "labeller": "shipped",
    "round": 2,
    "beta": 0.5,
    "noise": 0.25,
    "seed": 7,
    "held_out": True,
}


def test_nothing_is_known_of_an_episode_unless_it_is_said() -> None:
    """The defaults are part of the format: stores leave them out."""
    assert asdict(Origin()) == {
        "actor": None,
        "labeller": None,
        "round": 0,
        "beta": 1.0,
        "noise": 0.0,
        "seed": None,
        "held_out": False,
    }
    assert Origin().to_dict() == {}
    arrays = np.zeros((3, 2)), np.zeros((3, 1)), np.zeros((3, 1)), np.array([0.5, 1.0, -0.25])
    episode = Demonstration(*arrays)
    assert episode.origin == Origin() and episode.before is None
    assert (len(episode), episode.return_) == (3, 1.25)


@pytest.mark.parametrize("key", FULL)
def test_what_is_said_is_written_and_read(key: str) -> None:
    origin = Origin(**{key: FULL[key]})  # type: ignore[arg-type]
    assert origin.to_dict() == {key: FULL[key]}
    assert Origin.from_dict(origin.to_dict()) == origin != Origin()


def test_all_at_once_in_the_order_of_the_fields() -> None:
    origin = Origin(*FULL.values())  # type: ignore[arg-type]
    assert origin.to_dict() == FULL
    assert Origin.from_dict(FULL | {"of a later version": 1}) == origin
