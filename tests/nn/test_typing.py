"""What a user's type checker sees: full signatures, and a misspelt argument as an error."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from lrs_lightning.nn import LRSGRU, LRSLSTM, LRSRNN, LRSCfC, LRSLayer

LAYERS = [LRSCfC, LRSLSTM, LRSGRU, LRSRNN]
USER = """\
from lrs_lightning.nn import LRSGRU, LRSLSTM, LRSRNN, LRSCfC, PolicyConfig, cores

LRSCfC(5, 16, rank=4, mode="paper", backend="cpu")
LRSLSTM(5, 16, 2, True, True, 0.1, False, 4, rank=4, forget_bias=0.5)
LRSGRU(5, 16, rank=4)
LRSRNN(5, 16, 1, "relu", rank=4)
PolicyConfig(core=cores.CfC(rank=4, mode="pure"))
LRSCfC(5, 16, rnak=4)
LRSLSTM(5, 16, rnak=4)
LRSGRU(5, 16, rnak=4)
LRSRNN(5, 16, rnak=4)
cores.LSTM(mode="pure")
LRSCfC(5, 16, rank="four")
"""


@pytest.mark.parametrize("layer_class", LAYERS)
def test_signatures_are_whole(layer_class):
    own = inspect.signature(layer_class).parameters
    assert set(inspect.signature(LRSLayer).parameters) <= set(own)
    assert not [p for p in own.values() if p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    documented = inspect.getdoc(layer_class) or ""
    assert all(f"    {name}: " in documented for name in own)


@pytest.mark.slow
def test_a_misspelt_argument_fails_a_type_check(tmp_path):
    pytest.importorskip("mypy")
    (tmp_path / "user.py").write_text(USER)
    root = Path(__file__).parents[2]
    # Only our own signatures matter here; torch alone would take a minute.
    (tmp_path / "mypy.ini").write_text(
        "[mypy]\nfollow_imports = silent\n"
        "[mypy-torch.*,numpy.*,gymnasium.*,lrs_kernels.*]\nfollow_imports = skip\n"
    )
    words = ["--config-file=mypy.ini", f"--cache-dir={tmp_path / 'cache'}"]
    result = subprocess.run(
        [sys.executable, "-m", "mypy", *words, "user.py"],
        cwd=tmp_path,
        env={"MYPYPATH": f"{root}:{root / 'kernels'}", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    wrong = [int(line.split(":")[1]) for line in result.stdout.splitlines() if "error:" in line]
    assert wrong == list(range(8, 14)), result.stdout + result.stderr
    assert (root / "lrs_lightning" / "py.typed").is_file()
