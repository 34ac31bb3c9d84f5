"""What a run's configuration says of its seeds, and of all else that made it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from lrs_lightning.statistics.methods import group
from lrs_lightning.statistics.training_seeds import (
    seed_columns,
    seeds_of,
    training_facts,
    with_own_seeds,
)

CONFIG: dict[str, Any] = {
    "seed_everything": 3,
    "trainer": {"max_steps": 8, "logger": {"init_args": {"save_dir": "runs"}}, "accelerator": "cpu",
                "enable_progress_bar": False},
    "model": {
        "policy": {
            "core": {
                "class_path": "lrs_lightning.nn.cores.CfC",
                "init_args": {"rank": 8, "mask_seed": 4, "control": None},
            },
            "init_seed": None,
        },
        "lr": 0.003,
    },
    "data": {"seed": 5, "noise": "0:0.4"},
    "evaluation": {"seed": 10_000},
    "quiet": False,
}  # fmt: skip


def run(folder: Path, config: Any = CONFIG) -> Path:
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    return folder


def test_all_seeds_and_the_rest_without_them(tmp_path: Path) -> None:
    facts = training_facts(run(tmp_path))
    assert facts["seeds"] == {"data": 5, "initialisation": 3, "mask": 4, "training": 3}
    assert facts["configuration"] == {
        "model.policy.core": "CfC", "model.policy.core.rank": 8, "model.policy.core.control": None,
        "model.lr": 0.003, "data.noise": "0:0.4", "trainer.max_steps": 8,
    }  # fmt: skip


def test_initial_weights_may_have_a_seed_of_their_own(tmp_path: Path) -> None:
    config = yaml.safe_load(yaml.safe_dump(CONFIG))
    config["model"]["policy"]["init_seed"] = 9
    seeds = training_facts(run(tmp_path, config))["seeds"]
    assert (seeds["initialisation"], seeds["training"]) == (9, 3)


def behind(encoder: str, run_of: str) -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load(yaml.safe_dump(CONFIG))
    options = {"run": run_of, "sha256": encoder, "network": {"name": "small"}}
    config["model"]["policy"]["encoder"] = {"class_path": "x.Frozen", "init_args": options}
    return config


def test_a_frozen_encoder_is_a_draw(tmp_path: Path) -> None:
    found = [training_facts(run(tmp_path, behind(digit * 64, f"runs/{digit}"))) for digit in "1f"]
    assert [facts["seeds"]["encoder"] for facts in found] == [0x11111111, 0xFFFFFFFF]
    assert found[0]["configuration"] == found[1]["configuration"]
    assert found[0]["configuration"]["model.policy.encoder.network.name"] == "small"
    about = [
        {**facts, "encoder_run": f"runs/{k}", "encoder_sha256": str(k)}
        for k, facts in enumerate(found)
    ]
    (method,), repeats = group({"a": about[0], "b": about[1]})
    assert method.policies == ("a", "b") and not repeats
    assert seed_columns(about[0])["encoder_draw"] == 0x11111111
    for unknown in (None, "f" * 63, 5):
        config = behind("0" * 64, "runs/0")
        config["model"]["policy"]["encoder"]["init_args"]["sha256"] = unknown
        assert "encoder" not in training_facts(run(tmp_path, config))["seeds"]


@pytest.mark.parametrize(
    "content", ["", "[1]", "!!python/object/apply:os.system [ls]", "{", "a: b"]
)
def test_a_file_that_says_nothing_stops_no_evaluation(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.yaml").write_text(content)
    assert training_facts(tmp_path) == {}
    assert training_facts(tmp_path / "none") == training_facts(None) == {}


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "config.yaml").symlink_to(run(tmp_path / "a") / "config.yaml")
    assert training_facts(tmp_path / "b") == {}


def test_members_of_a_population_have_masks_of_their_own() -> None:
    facts = {"seeds": {"data": 5, "mask": 4, "training": 3}, "configuration": {"lr": 1}}
    found = with_own_seeds(facts, {"rank": 8, "mask_seed": 7, "init_seed": None})
    assert found["seeds"] == {"data": 5, "mask": 7, "training": 3}
    assert found["rank"] == 8 and found["configuration"] == {"lr": 1}
    assert with_own_seeds({}, {"mask_seed": 7}) == {"mask_seed": 7}


def test_columns_of_a_row() -> None:
    about = {"seeds": {"training": 3, "data": 5, "mask": "4", "other": 1, "initialisation": True}}
    assert seeds_of(about) == {"data": 5, "training": 3}
    assert seed_columns(about) == {"data_seed": 5, "training_seed": 3}
    assert seeds_of({}) == seeds_of({"seeds": [1]}) == {}
