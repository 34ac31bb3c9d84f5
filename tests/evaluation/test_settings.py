"""How an environment is set up when policies are judged: chosen, told, and never mixed."""

from __future__ import annotations

from pathlib import Path

import pytest

from lrs_lightning import envs
from lrs_lightning.errors import DataError
from lrs_lightning.evaluation import evaluate
from lrs_lightning.evaluation.references import References
from lrs_lightning.evaluation.settings import in_words, judged_with
from lrs_lightning.report.wording import caveats
from lrs_lightning.rollout import RandomPolicy

pytest.importorskip("ale_py")
SHORT = {"max_frames": 40}


def test_games_are_judged_with_sticky_actions_and_other_tasks_as_they_are() -> None:
    assert judged_with("Seaquest") == {"sticky": 0.25}
    assert judged_with("Seaquest", SHORT) == SHORT
    assert judged_with("HalfCheetah-v5") == {}
    assert (in_words({"sticky": 0.25, "max_frames": 40}), in_words({})) == (
        "max_frames=40, sticky=0.25",
        "",
    )


def test_tables_say_it_and_episodes_of_other_settings_are_not_mixed(tmp_path: Path) -> None:
    random = {"random": RandomPolicy(envs.describe("Breakout").action_space)}
    settings = {**SHORT, "sticky": 0.25}

    def play(env_kwargs: dict[str, float]) -> list[str]:
        summary = evaluate(
            random, "Breakout", ["clean"], 1, references={}, out=tmp_path, env_kwargs=env_kwargs
        )
        return caveats(summary)

    assert "played with max_frames=40, sticky=0.25" in play(settings)
    assert "played with max_frames=40, sticky=0.25" in play(settings)
    with pytest.raises(DataError, match="another strength, unit or setting of the environment"):
        play(SHORT)


def test_references_are_of_the_same_settings(tmp_path: Path) -> None:
    def over(env_kwargs: dict[str, float]) -> int:
        References("Breakout", out=tmp_path, env_kwargs=env_kwargs).over([1])
        return len((tmp_path / "references.jsonl").read_text().splitlines())

    first = over(SHORT)
    assert over(SHORT) == first
    assert over({**SHORT, "sticky": 0.5}) == 2 * first
