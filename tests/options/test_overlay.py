"""A configuration in an option: later words change single keys of it, and put nothing back."""

from __future__ import annotations

from typing import Any

import pytest

from lrs_lightning.errors import ArgumentError
from lrs_lightning.options.call import call
from lrs_lightning.options.overlay import over, with_overlays

LOWEST = """\
out: here
fit:
  model: {policy: {core: {class_path: CfC, init_args: {rank: 2}}}, lr: 1e-3}
  data: {env: Hopper-v5, noise: "0:0.4"}
grid: {rank: [1, 2], seed: [0]}
"""


def command(*, out: str, fit: dict[str, Any] | None = None, grid: dict[str, Any] | None = None):
    return {"out": out, "fit": fit, "grid": grid}


def called(*words: str) -> Any:
    return call(command, "program", with_overlays("fit", words))


@pytest.fixture
def lowest(tmp_path):
    (tmp_path / "lowest.yaml").write_text(LOWEST)
    return ["--config", str(tmp_path / "lowest.yaml")]


@pytest.mark.parametrize("joined", [True, False])
def test_a_word_changes_one_key(lowest, joined):
    key, value = "--fit.data.env", "Walker2d-v5"
    found = called(*lowest, *([f"{key}={value}"] if joined else [key, value]))
    expected = called(*lowest)
    expected["fit"]["data"]["env"] = value
    assert found == expected


def test_a_second_file_and_a_mapping_change_what_they_name(lowest, tmp_path):
    (tmp_path / "above.yaml").write_text("fit: {data: {episodes: 3}}\ngrid: {rank: [8]}\n")
    above = [f"--config={tmp_path / 'above.yaml'}", "--fit", "{trainer: {max_steps: 5}}"]
    found = called(*lowest, *above, "--fit.trainer.max_steps", "7")
    assert found["fit"]["data"] == {"env": "Hopper-v5", "noise": "0:0.4", "episodes": 3}
    assert found["fit"]["trainer"] == {"max_steps": 7}
    assert found["fit"]["model"] == called(*lowest)["fit"]["model"]
    assert found["grid"] == {"rank": [8]}, "another option is replaced as a whole"


def test_numbers_stay_numbers(lowest):
    found = called(*lowest, "--fit.model.weight_decay", "1e-4", "--fit.data.episodes=4")
    assert found["fit"]["model"]["lr"] == pytest.approx(1e-3)
    assert found["fit"]["model"]["weight_decay"] == pytest.approx(1e-4)
    assert found["fit"]["data"]["episodes"] == 4
    assert found["fit"]["data"]["noise"] == "0:0.4"


def test_a_choice_of_another_class_takes_no_options_over():
    below = {"core": {"class_path": "CfC", "init_args": {"rank": 2}}}
    assert over(below, {"core": {"class_path": "CfC", "init_args": {"sparsity": 0.5}}}) == {
        "core": {"class_path": "CfC", "init_args": {"rank": 2, "sparsity": 0.5}}
    }
    other = {"core": {"class_path": "LSTM"}}
    assert over(below, other) == other


def test_one_layer_is_left_to_the_parser(lowest):
    assert with_overlays("fit", lowest) == lowest
    assert with_overlays("fit", ["--out", "here"]) == ["--out", "here"]


def test_a_text_that_is_no_yaml_is_not_lost(lowest):
    assert called(*lowest, "--fit.data=[")["fit"]["data"] == "["


@pytest.mark.parametrize("wrong", ["--config=/nowhere.yaml", "--fit.data", "--fti.data.env=x"])
def test_what_is_wrong_is_still_told(lowest, wrong):
    with pytest.raises(ArgumentError, match=r"see program --help"):
        called(*lowest, wrong)
