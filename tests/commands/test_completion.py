"""The tab key completes verbs, options and names, in a real shell."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from lrs_lightning.cli import VERBS, main
from lrs_lightning.commands.completion import script

CASES = {
    "ca": "calibrate",
    "": " ".join([*VERBS, "--help", "--version"]),
    "evaluate --sui": "--suite",
    "evaluate --policy x --suite pa": "paper",
    "evaluate --policy ": "shipped",
    "fit --evaluation.suite sm": "smoke",
    "fit --config halfcheetah-d": "halfcheetah-dense",
    "fit --model.policy.core.ra": "--model.policy.core.rank",
    "predict --ck": "--ckpt_path",
    "data S --to m": "minari",
    "expert ": "fit score --help",
    "expert score --ca": "--card",
    "expert fit --min": "--minutes",
    "analyze x --traj": "--trajectory",
    "analyze theory --jac": "--jacobian_draws",
    "report ": "",  # files
    "nothing --x": "",
}


ASK = """ask() {
  COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _lrs_lightning; echo "${COMPREPLY[*]}"
}"""


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_bash_completes() -> None:
    lines = [line + "''" * (line.endswith(" ") or not line) for line in CASES]
    asked = "\n".join(f"ask lrs-lightning {line}" for line in lines)
    done = subprocess.run(
        ["bash", "--norc", "-uc", f"ZSH_VERSION=\n{script()}\n{ASK}\n{asked}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines() == list(CASES.values())
    assert not done.stderr


def test_the_verb_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion"]) == 0
    printed = capsys.readouterr().out
    assert printed == script() and all(f" {verb}" in printed for verb in list(VERBS)[1:])
