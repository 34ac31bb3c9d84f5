"""The front door: help at once, verbs by name, errors of one sentence."""

import subprocess
import sys

import pytest

from lrs_lightning import __version__
from lrs_lightning.cli import VERBS, main


def test_help_names_every_verb(capsys):
    assert main([]) == main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(f"  {verb} " in text for verb in VERBS)


def test_help_imports_neither_torch_nor_lightning():
    code = (
        "import sys; from lrs_lightning.cli import main; main(['--help']); "
        "sys.exit(bool({'torch', 'lightning', 'numpy', 'gymnasium'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


def test_results_and_their_report_import_neither_torch_nor_lightning():
    code = (
        "import sys, lrs_lightning.statistics, lrs_lightning.report; "
        "sys.exit(bool({'torch', 'lightning', 'matplotlib'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"lrs_lightning {__version__}\n"


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_verb_explains_itself(verb, capsys):
    assert main([verb, "--help"]) == 0
    assert f"lrs_lightning {verb}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["fti"], "unknown verb 'fti': did you mean 'fit'?"),
        (["collect", "--out", "x", "--episods", "3"], "did you mean '--episodes'?"),
        (["collect", "--out", "x", "--ep", "3"], "unknown option --ep"),
        (
            ["collect", "--out", "x", "--episodes", "0"],
            "expected a whole number of at least 1",
        ),
        (["collect"], "required and not given: --out"),
        (["collect", "--out", "x", "--env", "HalfCheeta-v5"], "did you mean 'HalfCheetah-v5'?"),
        (["collect", "--out", "x", "--env", "Ant-v5"], "unknown shipped expert 'Ant-v5'"),
        (["collect", "--out", "x", "--noise", "loud"], "noise is 'loud', expected"),
        (["collect", "--out", "x", "--expert", "nowhere.safetensors"], "no expert at nowhere"),
    ],
)
def test_a_mistake_is_one_sentence_and_leaves_nothing(
    words, sentence, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert sentence in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("chosen", [None, "ACTIVE"])
def test_threads_sleep_while_they_wait_unless_the_user_says_otherwise(monkeypatch, capsys, chosen):
    monkeypatch.setenv("OMP_WAIT_POLICY", chosen or "")
    if chosen is None:
        monkeypatch.delenv("OMP_WAIT_POLICY")
    assert main(["info"]) == 0
    told = capsys.readouterr().out
    assert ("they sleep (OMP_WAIT_POLICY PASSIVE)" in told) is (chosen is None)
    assert ("they spin (OMP_WAIT_POLICY ACTIVE)" in told) is (chosen is not None)
