"""What `docs/extending.md` shows is executed as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from lrs_lightning.data.importers import importers, registry

PAGE = Path(__file__).resolve().parents[3] / "docs" / "extending.md"


def section(title: str) -> str:
    """The Python blocks of a section, one after the other."""
    text = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.M | re.S)
    assert text is not None
    return "\n".join(re.findall(r"^```python\n(.*?)^```", text[1], re.M | re.S))


def test_an_importer_of_your_own(tmp_path, monkeypatch):
    importers()
    monkeypatch.setattr(registry, "_BY_NAME", dict(registry._BY_NAME))
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    Path("recordings").mkdir()
    for number in range(2):
        rows = rng.uniform(-1, 1, (10, 5))  # three observations, an action, a reward
        lines = ["cos,sin,speed,torque,reward", *(",".join(map(str, row)) for row in rows)]
        Path(f"recordings/{number}.log").write_text("\n".join(lines))
    names: dict[str, object] = {"__name__": __name__}
    exec(compile(section("An importer of your own"), str(PAGE), "exec"), names)
    store = names["store"]
    np.testing.assert_allclose(store[1].rewards, rows[:, -1], rtol=1e-6)
    Path("recordings/1.log").write_text("a,b,c,d,e\n1,2,3,x,5\n")
    with pytest.raises(names["DataError"], match=r"1.log is no table of numbers"):
        names["import_demonstrations"]("recordings", "other", env="Pendulum-v1")
    assert not Path("other").exists()
