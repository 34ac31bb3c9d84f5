"""A card says how the game was set up, how many games differ, and nothing of games not played."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("ale_py")

from lrs_lightning.cli import main
from lrs_lightning.errors import DataError
from lrs_lightning.expert_training import card
from lrs_lightning.expert_training.card import measure_again, measured, score, write_card
from lrs_lightning.experts import build_q_network, save_pixel_expert
from lrs_lightning.rollout import Episode

GAME = "ALE/Breakout-v5"
EXPERT: Any = object()


def still(observations: Any) -> Any:
    """A policy that is no file."""
    return np.zeros(len(observations), np.int64)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Settings of each rollout; games go alike in pairs, and without sticky actions all do."""
    seen: list[Any] = []

    def rollout(
        policies: Any, env_id: str, conditions: Any, seeds: Any, env_kwargs: Any
    ) -> Iterator[Episode]:
        seen.append(env_kwargs)
        for k, seed in enumerate(seeds):
            went = str(k // 2) if env_kwargs else "the same"
            yield Episode(
                policy="expert", env=env_id, shift="clean", severity=0, episode=k, seed=seed,
                return_=5.0, length=10, outcome=went,
            )  # fmt: skip

    monkeypatch.setattr(card, "rollout", rollout)
    return seen


def test_a_game_is_scored_as_it_is_judged(asked: list[Any]) -> None:
    found = score(EXPERT, "Breakout", episodes=6)
    assert asked == [{"sticky": 0.25}] and found["settings"] == {"sticky": 0.25}
    assert (found["episodes"], found["outcomes"]) == (6, 3)


@pytest.mark.parametrize(
    ("task", "settings", "played"),
    [
        ("Breakout", {"sticky": 0.5}, {"sticky": 0.5}),
        ("Breakout", {}, {}),
        ("ALE/Breakout-v5(sticky=0)", None, {}),
        ("HalfCheetah-v5", None, {}),
    ],
)
def test_what_is_said_counts(asked: list[Any], task: str, settings: Any, played: Any) -> None:
    found = score(EXPERT, task, episodes=4, settings=settings)
    assert asked == [played] and found["settings"] == played
    assert found["outcomes"] == (2 if played else 1)


def test_episodes_without_a_trace_differ_by_return_and_length(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def rollout(*_: Any, **__: Any) -> Iterator[Episode]:
        for return_, length in ((1.0, 3), (1.0, 3), (1.0, 4), (2.0, 4)):
            yield Episode("expert", GAME, "clean", 0, 0, 0, return_, length)

    monkeypatch.setattr(card, "rollout", rollout)
    assert score(EXPERT, "HalfCheetah-v5", episodes=4)["outcomes"] == 3


def test_a_game_has_two_numbers_and_a_body_one(asked: list[Any]) -> None:
    both = measured(EXPERT, "Breakout", 4)
    assert list(both) == ["evaluation", "evaluation_as_recorded"]
    assert [one["settings"] for one in both.values()] == asked == [{"sticky": 0.25}, {}]
    assert list(measured(EXPERT, "HalfCheetah-v5", 4)) == ["evaluation"]


def test_where_every_episode_failed_there_is_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def rollout(*_: Any, **__: Any) -> Iterator[Episode]:
        yield Episode("expert", GAME, "clean", 0, 0, 0, 0.0, 1, status="failed", error="it broke")

    monkeypatch.setattr(card, "rollout", rollout)
    with pytest.raises(DataError, match="every episode failed, the first with it broke"):
        score(EXPERT, GAME, episodes=1)


def test_a_card_is_renewed_and_keeps_the_rest(asked: list[Any], tmp_path: Path) -> None:
    weights = tmp_path / "mine.safetensors"
    weights.write_bytes(b"weights")
    write_card(weights, {"env": GAME, "note": "by hand", "evaluation": {"return_mean": 1.0}})
    found = measure_again(weights, EXPERT, GAME, 4)
    told = json.loads(weights.with_suffix(".json").read_text())
    assert told["note"] == "by hand" and told["evaluation"]["return_mean"] == 5.0
    assert {key: told[key] for key in found} == found


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "mine.safetensors"
    save_pixel_expert(build_q_network("small", 4), path, {"env": GAME, "encoder": "small"})
    return path


def test_the_command_says_how_many_differ_and_renews_the_card(
    asked: list[Any], weights: Path, capsys: Any
) -> None:
    words = ["expert", "score", "--env", "Breakout", "--expert", str(weights), "--episodes", "6"]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "6 episodes (3 differ) with sticky=0.25: mean return 5, " in said
    assert not weights.with_suffix(".json").exists()
    assert main([*words, "--card"]) == 0
    said = capsys.readouterr().out
    assert "(3 differ) with sticky=0.25" in said and "6 episodes (1 differ): mean" in said
    assert f"card: {weights.with_suffix('.json')}" in said
    told = json.loads(weights.with_suffix(".json").read_text())
    assert told["evaluation_as_recorded"]["outcomes"] == 1
    assert main(words) == 0  # and the expert with its card is read


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--env_kwargs", "{sticky: 0}"], "leave --env_kwargs and --wrappers out"),
        (["--expert", f"{__name__}:still"], ":still has no card beside it, only .safetensors"),
    ],
)
def test_a_card_is_of_the_task_as_it_is(
    asked: list[Any], weights: Path, words: list[str], sentence: str, capsys: Any
) -> None:
    given = ["expert", "score", "--env", "Breakout", "--expert", str(weights), "--card", *words]
    assert main(given) == 2
    assert sentence in capsys.readouterr().err and not asked
