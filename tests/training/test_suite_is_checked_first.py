"""A suite that cannot be played is refused before the first update, not after the last."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lrs_lightning.errors import LrsError
from lrs_lightning.training.callbacks import shifted_evaluation
from lrs_lightning.training.callbacks.shifted_evaluation import ShiftedEvaluation


@pytest.mark.parametrize("hook", ["on_fit_start", "on_test_start"])
@pytest.mark.parametrize("which", ["suite", "quick_suite"])
@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[mas@2]", "unknown shift 'mas': did you mean 'mass'"),
        ("[mass@9]", "severities 0 to 5, not 9"),
        ("atari: [contrast@1]", "has conditions for atari, none for a task of domain"),
    ],
)
def test_before_anything_is_learnt(
    tmp_path: Path, monkeypatch: Any, hook: str, which: str, text: str, sentence: str
) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    suites: Any = {which: str(tmp_path / "mine.yaml")}
    task = SimpleNamespace(env="HalfCheetah-v5", pixels=False)
    monkeypatch.setattr(shifted_evaluation, "playable", lambda _: (None, task))
    callback, nothing = ShiftedEvaluation(**suites), SimpleNamespace()
    if hook == "on_test_start" and which == "quick_suite":  # which `test` does not play
        callback.on_test_start(nothing, nothing)  # type: ignore[arg-type]
        return
    with pytest.raises(LrsError, match=sentence):
        getattr(callback, hook)(nothing, nothing)
