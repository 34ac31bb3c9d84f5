from __future__ import annotations

from dataclasses import replace

import pytest

from lrs_lightning.errors import EnvironmentMismatchError
from lrs_lightning.shifts import make


@pytest.mark.parametrize(
    ("text", "mode", "difficulty"),
    [("ale_mode@1", 4, 0), ("ale_mode@5", 20, 0), ("ale_difficulty@2", 0, 2)],
)
def test_the_kth_other_variant(text, mode, difficulty, worlds):
    model = make(text, worlds.frames()).model()
    assert (model.mode, model.difficulty) == (mode, difficulty)


def test_both_at_once(worlds):
    model = make("ale_mode@2+ale_difficulty@1", worlds.frames()).model()
    assert (model.mode, model.difficulty) == (8, 1)


@pytest.mark.parametrize(
    ("modes", "severity", "sentence"),
    [((0, 3), 2, r"has 1 other mode \(3\)"), ((0,), 1, r"has 0 other mode \(none\)")],
)
def test_a_game_of_few_variants(modes, severity, sentence, worlds):
    context = replace(worlds.frames(), base_model=worlds.Flavour(modes=modes))
    with pytest.raises(EnvironmentMismatchError, match=sentence):
        make(f"ale_mode@{severity}", context)
