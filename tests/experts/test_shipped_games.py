"""The experts of games that ship with the package are small, and play as their cards say."""

from __future__ import annotations

import pytest

pytest.importorskip("ale_py")

from lrs_lightning.experts import PixelExpert, load_expert, shipped_experts
from lrs_lightning.rollout import rollout

GAMES = ["ALE/Seaquest-v5", "ALE/Breakout-v5"]


@pytest.mark.parametrize("game", GAMES)
def test_it_is_small_and_has_a_card(game):
    expert = load_expert("shipped", game)
    assert isinstance(expert, PixelExpert) and len(shipped_experts()[game].read_bytes()) < 4_000_000
    assert expert.card["env"] == game and expert.card["evaluation"]["episodes"] == 30
    assert expert.card["evaluation"]["settings"] == {"sticky": 0.25}
    assert expert.card["evaluation"]["outcomes"] > expert.card["evaluation_as_recorded"]["outcomes"]
    decisions = [point[0] for point in expert.card["learning_curve"]]
    assert decisions == sorted(decisions) and decisions[-1] <= expert.card["decisions"]


@pytest.mark.parametrize(
    "name", ["evaluation", pytest.param("evaluation_as_recorded", marks=pytest.mark.long)]
)
def test_it_plays_as_its_card_says(name):
    expert = load_expert("shipped", "Breakout")
    told = expert.card[name]
    first, settings = told["seeds"][0], told["settings"]
    played = rollout({"expert": expert}, "Breakout", ["clean"], [first], env_kwargs=settings)
    for episode in played:
        assert told["return_min"] <= episode.return_ <= told["return_max"]
