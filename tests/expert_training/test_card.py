"""What a card says an expert earns is what it earned."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lrs_lightning.errors import ArgumentError
from lrs_lightning.expert_training import card
from lrs_lightning.expert_training.card import FIRST_SEED, score, write_card
from lrs_lightning.rollout import Episode
from lrs_lightning.shifts import CLEAN

ENV = "HalfCheetah-v5"


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """How the rollout was asked for; each of its episodes earns and lasts more than the last."""
    asked: list[Any] = []

    def rollout(
        policies: Any, env_id: str, conditions: Any, seeds: Any, env_kwargs: Any
    ) -> Iterator[Episode]:
        asked.append((policies, env_id, list(conditions), list(seeds)))
        for k, seed in enumerate(seeds):
            yield Episode(
                policy="expert", env=env_id, shift="clean", severity=0, episode=k, seed=seed,
                return_=100.0 + k**2, length=10 + k, terminated=k % 3 == 0,
                status="failed" if k == 4 else "ok",
            )  # fmt: skip

    monkeypatch.setattr(card, "rollout", rollout)
    return asked


def test_it_is_counted_over_whole_episodes_of_the_clean_world(played: list[Any]) -> None:
    seen: list[Episode] = []
    expert = object()
    found = score(expert, ENV, episodes=6, seed=40, on_episode=seen.append)  # type: ignore[arg-type]
    assert played == [({"expert": expert}, ENV, [CLEAN], [40, 41, 42, 43, 44, 45])]
    assert [episode.seed for episode in seen] == played[0][3]
    returns = np.array([100.0, 101, 104, 109, 125])  # all but the one that failed
    assert (found["episodes"], found["failed"], found["seeds"]) == (5, 1, [40, 45])
    assert found["return_mean"] == pytest.approx(returns.mean(), abs=0.005)
    assert found["return_sd"] == pytest.approx(returns.std(ddof=1), abs=0.005)
    assert (found["return_min"], found["return_max"]) == (100.0, 125.0)
    assert found["length_mean"] == 12.5
    assert found["cut_by_time_limit"] == 4  # 0 and 3 ended by themselves
    assert {"python", "mujoco", "gymnasium", "numpy"} <= set(found["versions"])
    assert "ale-py" not in found["versions"]


def test_one_episode_has_no_deviation(played: list[Any]) -> None:
    found = score(object(), ENV, episodes=1)  # type: ignore[arg-type]
    assert (found["return_sd"], found["seeds"]) == (0.0, [FIRST_SEED, FIRST_SEED])


def test_thirty_episodes_are_the_default(played: list[Any]) -> None:
    assert score(object(), ENV)["seeds"] == [10_000, 10_029]  # type: ignore[arg-type]


def test_numbers_are_rounded_to_what_is_read(played: list[Any]) -> None:
    found = score(object(), ENV, episodes=3)  # type: ignore[arg-type]
    assert (found["return_mean"], found["return_sd"]) == (101.67, 2.08)


def test_a_score_needs_an_episode() -> None:
    with pytest.raises(ArgumentError, match="episodes is 0, expected at least 1"):
        score(object(), ENV, episodes=0)  # type: ignore[arg-type]


def test_a_game_names_its_emulator(played: list[Any]) -> None:
    pytest.importorskip("ale_py")
    found = score(object(), "Breakout", episodes=2)  # type: ignore[arg-type]
    assert "ale-py" in found["versions"] and "mujoco" not in found["versions"]


def test_a_card_is_json_that_people_read(tmp_path: Path) -> None:
    (tmp_path / "expert.safetensors").write_bytes(b"weights")
    write_card(tmp_path / "expert.safetensors", {"env": ENV, "seeds": [1, 2]})
    text = (tmp_path / "expert.json").read_text()
    card = json.loads(text)
    assert card.pop("sha256") and card.pop("weights_sha256") == sha256(b"weights").hexdigest()
    assert card == {"env": ENV, "seeds": [1, 2]}
    assert text.startswith('{\n  "env"') and text.endswith("}\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["expert.json", "expert.safetensors"]
