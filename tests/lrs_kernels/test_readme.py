"""The code of kernels/README.md runs as it stands there, from top to bottom."""

from __future__ import annotations

import re
from pathlib import Path

from lrs_kernels import registry

README = Path(__file__).resolve().parents[2] / "kernels/README.md"


def test_the_examples_run(monkeypatch):
    # The cell that it registers is not for other tests.
    monkeypatch.setattr(registry, "_cells", dict(registry._cells))
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert len(blocks) == 2
    names: dict[str, object] = {}
    for block in blocks:
        exec(block, names)
        assert names["y"].shape == (100, 32, 64) and names["h_n"].shape == (32, 64)
