"""The best of the last checkpoints becomes the expert, on seeds of their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

pytest.importorskip("ale_py")

from lrs_lightning.checkpoints import write_checkpoint
from lrs_lightning.errors import DataError
from lrs_lightning.expert_training import pqn_export, selection
from lrs_lightning.expert_training.pqn_candidates import FOLDER, candidates, keep_candidate
from lrs_lightning.expert_training.pqn_config import PQNConfig
from lrs_lightning.expert_training.pqn_export import export_expert
from lrs_lightning.expert_training.pqn_run import CHECKPOINT, save_checkpoint
from lrs_lightning.expert_training.selection import EPISODES, FIRST_SEED, KEPT, best_of
from lrs_lightning.experts import build_q_network, load_expert

GAME = "ALE/Breakout-v5"
Returns = dict[Any, float]


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> tuple[Returns, list[Any]]:
    """What each player earns, by the first weight of its head; and what was asked."""
    returns: Returns = {}
    asked: list[Any] = []

    def score(player: Any, env_id: str, episodes: int, seed: int) -> dict[str, Any]:
        asked.append((env_id, episodes, seed))
        own = player if isinstance(player, str) else player.module.head.bias[0].item()
        found = {"return_mean": returns[own], "episodes": episodes, "outcomes": 7}
        return {**found, "settings": {"sticky": 0.25}}

    monkeypatch.setattr(selection, "score", score)
    monkeypatch.setattr(pqn_export, "measured", lambda *_: {"evaluation": {}})
    return returns, asked


def state(decisions: int, **config: Any) -> dict[str, Any]:
    """Of a training whose network says how far it was."""
    network = build_q_network("small", 4)
    torch.nn.init.constant_(network.head.bias, decisions)
    return {
        "config": asdict(PQNConfig(env_id="Breakout", **config)), "network": network.state_dict(),
        "optimizer": {}, "generator": torch.zeros(1), "decisions": decisions, "finished": [],
    }  # fmt: skip


def save(folder: Path, *decisions: int) -> None:
    for number in decisions:
        training: Any = SimpleNamespace(state_dict=lambda number=number: state(number))
        save_checkpoint(training, folder / CHECKPOINT, 1.0)


@pytest.mark.parametrize(
    ("returns", "best"),
    [((1.0, 3.0, 2.0), 20), ((3.0, 1.0, 2.0), 10), ((1.0, 2.0, 2.0), 30), ((0.0, -1.0, -2.0), 10)],
)
def test_the_largest_mean_is_taken_and_of_equal_ones_the_latest(played, returns, best):
    known, asked = played
    known |= dict(zip("abc", returns, strict=True))
    found, told = best_of({30: "c", 10: "a", 20: "b"}, GAME)  # type: ignore[dict-item]
    assert found == best and asked == 3 * [(GAME, EPISODES, FIRST_SEED)]
    assert [one["trained_for"] for one in told["selection"]["candidates"]] == [10, 20, 30]
    assert [one["return_mean"] for one in told["selection"]["candidates"]] == list(returns)
    assert told["selection"]["seeds"] == [FIRST_SEED, FIRST_SEED + EPISODES - 1]
    assert told["selection"]["settings"] == {"sticky": 0.25}


def test_seeds_of_the_choice_are_nobody_elses():
    """Scores and evaluations begin at 10,000, calibrations at 20,000, demonstrations at 10^6."""
    assert FIRST_SEED > 20_000 + 1000 and FIRST_SEED + EPISODES < 1_000_000


def test_a_single_one_plays_no_game(played):
    assert best_of({5: "a"}, GAME) == (5, {}) and not played[1]  # type: ignore[dict-item]


def test_the_expert_is_the_best_and_not_the_last(tmp_path, played):
    save(tmp_path, 10, 20, 30)
    played[0].update({10: 1.0, 20: 9.0, 30: 2.0})
    card = export_expert(tmp_path, tmp_path / "expert.safetensors")
    assert (card["decisions"], card["frames"]) == (20, 80)
    expert: Any = load_expert(tmp_path / "expert.safetensors", GAME)
    assert expert.module.head.bias.tolist() == 4 * [20.0]
    assert expert.card["selection"]["candidates"][1]["return_mean"] == 9.0


def test_no_more_than_the_last_few_are_kept(tmp_path, played):
    numbers = [10 * k for k in range(1, KEPT + 4)]
    save(tmp_path, *numbers)
    kept = sorted(int(path.stem) for path in (tmp_path / FOLDER).iterdir())
    assert kept == numbers[-KEPT:]
    assert list(candidates(state(numbers[-1]), tmp_path)) == numbers[-KEPT:]


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def _of_another_recipe(path: Path) -> None:
    write_checkpoint({k: v for k, v in state(20, gamma=0.5).items() if k != "finished"}, path)


def _of_another_age(path: Path) -> None:
    write_checkpoint(state(19), path)


def _of_another_network(path: Path) -> None:
    write_checkpoint({**state(20), "network": {"head.bias": torch.zeros(4)}}, path)


def _without_a_recipe(path: Path) -> None:
    write_checkpoint({"decisions": 20, "config": 3, "network": []}, path)


@pytest.mark.parametrize(
    "spoil",
    [_cut, _of_another_recipe, _of_another_age, _of_another_network, _without_a_recipe],
)
def test_a_spoilt_candidate_is_left_out_and_told(
    tmp_path: Path, played: Any, spoil: Callable[[Path], None], capsys: Any
) -> None:
    save(tmp_path, 10, 20, 30)
    spoil(tmp_path / FOLDER / "20.ckpt")
    played[0].update({10: 5.0, 20: 9.0, 30: 2.0})
    assert export_expert(tmp_path, tmp_path / "expert.safetensors")["decisions"] == 10
    told = capsys.readouterr().err
    assert "20.ckpt" in told and "left out of the choice" in told and told.count("\n") == 1


def test_what_lies_beyond_the_last_checkpoint_counts_not(tmp_path, played):
    """A training that goes on from an earlier checkpoint plays and saves it again."""
    save(tmp_path, 10, 20)
    keep_candidate(state(30), tmp_path)
    played[0].update({10: 1.0, 20: 2.0, 30: 9.0})
    assert export_expert(tmp_path, tmp_path / "expert.safetensors")["decisions"] == 20


def test_without_candidates_the_last_is_the_expert(tmp_path, played):
    """A folder of an earlier version has none."""
    save(tmp_path, 10)
    for path in (tmp_path / FOLDER).iterdir():
        path.unlink()
    card = export_expert(tmp_path, tmp_path / "expert.safetensors")
    assert card["decisions"] == 10 and "selection" not in card and not played[1]


def test_a_choice_that_fails_leaves_what_was_there(tmp_path, played, monkeypatch):
    save(tmp_path, 10, 20)
    path = tmp_path / "expert.safetensors"
    path.write_bytes(b"before")
    path.with_suffix(".json").write_text("{}")

    def fail(*_: Any) -> None:
        raise DataError("every episode failed")

    monkeypatch.setattr(selection, "score", fail)
    with pytest.raises(DataError, match="every episode failed"):
        export_expert(tmp_path, path)
    assert path.read_bytes() == b"before" and path.with_suffix(".json").read_text() == "{}"
