"""From the command line: an encoder is trained, policies learn behind it, and stand without it."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import gymnasium as gym
import pytest
import yaml

from lrs_lightning.cli import main
from lrs_lightning.envs import own_code
from lrs_lightning.nn.encoders import digest_of
from lrs_lightning.rollout.group import Group
from lrs_lightning.training import load_policy

pytestmark = pytest.mark.usefixtures("undrawn")
ROBOTS = Path(__file__).parents[1] / "envs" / "own_robots.py"
TINY = (
    "--data.path=demos", "--trainer.max_steps=2", "--data.batches=2", "--data.window=6",
    "--data.burn_in=1", "--evaluation.suite=smoke", "--evaluation.episodes=2",
    "--evaluation.every_n_epochs=0", "--quiet",
)  # fmt: skip
ENCODER = (
    "--model.policy.encoder=Small", "--model.policy.encoder.channels=[2]",
    "--model.policy.encoder.features=6", "--model.policy.core=MLP",
    "--model.policy.core.num_layers=0",
)  # fmt: skip
BEHIND = (
    "--model.policy.encoder=Frozen", "--model.policy.encoder.run=runs/encoder",
    "--model.policy.core.hidden_size=5", "--model.policy.core.rank=2",
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory):
    """A folder with a user's game of pictures, its demonstrations, and an encoder trained there."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("own")
        (folder / ROBOTS.name).write_text(ROBOTS.read_text())
        patch.chdir(folder)
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        patch.setattr("lrs_lightning.report.plots.figures", lambda *_: {})
        words = ["--env=own_robots:Camera", "--expert=own_robots:always", "--episodes=3"]
        assert main(["collect", *words, "--out=demos", "--quiet"]) == 0
        assert main(["fit", *ENCODER, *TINY, *into("encoder")]) == 0
        assert main(["fit", *BEHIND, *TINY, *into("behind")]) == 0
        yield folder
    for name in [name for name in gym.registry if name.startswith("own_robots.")]:
        del gym.registry[name]
    own_code.WRAPPERS.clear()
    sys.modules.pop("own_robots", None)


def into(name):
    return [
        "--trainer.logger.save_dir=.", "--trainer.logger.name=runs",
        f"--trainer.logger.version={name}",
    ]  # fmt: skip


def test_what_was_taken_stands_in_the_configuration_and_in_the_summary():
    source = load_policy("runs/encoder").policy.encoder
    wanted = digest_of(source)
    config = yaml.safe_load(Path("runs/behind/config.yaml").read_text())
    encoder = config["model"]["policy"]["encoder"]["init_args"]
    assert encoder["sha256"] == wanted and encoder["run"] == "runs/encoder"
    assert encoder["network"] == {"name": "small", "features": 6, "channels": [2]}
    policy = json.loads(Path("runs/behind/summary.json").read_text())["policy"]
    assert policy["encoder_sha256"] == wanted and policy["encoder"] == "frozen"
    stored = sum(parameter.numel() for parameter in source.parameters())
    assert policy["frozen_parameters"] == stored < policy["parameters"]
    assert digest_of(load_policy("runs/behind").policy.encoder) == wanted
    assert list(Path("cache/lrs_lightning/features").rglob("*.ckpt"))


def test_a_run_is_judged_where_that_of_its_encoder_is_gone(capsys):
    shutil.move("runs/encoder", "elsewhere")
    try:
        for words in (
            ["validate", "--ckpt_path=runs/behind", "--quiet"],
            ["evaluate", "--policy", "runs/behind", "--suite=smoke", "--episodes=2", "--quiet"],
        ):
            assert main(words) == 0, capsys.readouterr().err
        assert main(["fit", *BEHIND, *TINY, *into("missing")]) == 2
        assert "no checkpoint at runs/encoder" in capsys.readouterr().err
        assert not Path("runs/missing").exists()
    finally:
        shutil.move("elsewhere", "runs/encoder")


def test_a_population_is_trained_and_played_behind_it(monkeypatch):
    calls, step = [], Group.step
    monkeypatch.setattr(Group, "step", lambda self, *a: (calls.append(1), step(self, *a))[1])
    members = [{"name": "linear", "cell": {"name": "mlp", "num_layers": 0}}]
    section = {"grid": {"rank": [1, 2], "sparsity": [0.0, 0.5]}, "members": members}
    Path("population.yaml").write_text(yaml.safe_dump({"population": section}))
    words = ["--config=population.yaml", *BEHIND, *TINY, *into("many")]
    assert main(["fit", *words]) == 0
    names = {path.name for path in Path("runs/many/members").iterdir()}
    assert len(names) == 5 and "linear" in names
    assert len(calls) == 8, "a call a step of all conditions and members, linear ones apart"
    for name in names:
        run = Path("runs/many/members") / name
        config = yaml.safe_load((run / "config.yaml").read_text())
        taken = config["model"]["policy"]["encoder"]["init_args"]["sha256"]
        assert digest_of(load_policy(run).policy.encoder) == taken
        assert json.loads((run / "summary.json").read_text())["policy"]["encoder_sha256"] == taken
