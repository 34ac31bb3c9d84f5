"""The notebook of the examples is in step with its source, and says what its cells say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tools.notebook import KEY, cells_of, digest, main, notebook

SOURCE = Path(__file__).resolve().parents[2] / "examples" / "look_inside.py"
SCRIPT = """# %% [markdown]
# # Title
#
# A line.

# %%
import matplotlib.pyplot as plt

number = 3

# %%

# %%
print(number + 1)
plt.plot([0, 1])
plt.show()
"""


def test_it_is_in_step_with_its_source():
    script = SOURCE.read_text(encoding="utf-8")
    kept = json.loads(SOURCE.with_suffix(".ipynb").read_text(encoding="utf-8"))
    again = "python -m tools.notebook examples/look_inside.py"
    assert kept["metadata"][KEY] == digest(script), f"write it anew: {again}"
    sources = ["".join(cell["source"]) for cell in kept["cells"]]
    assert sources == [cell.source for cell in cells_of(script)]
    outputs = [out for cell in kept["cells"] for out in cell.get("outputs", [])]
    pictures = [out for out in outputs if "image/png" in out.get("data", {})]
    assert len(pictures) == 2 and len(outputs) == 3


def test_cells_are_text_or_code_and_never_empty():
    found = cells_of(SCRIPT)
    assert [cell.text for cell in found] == [True, False, False]
    assert found[0].source == "# Title\n\nA line."
    assert found[1].source == "import matplotlib.pyplot as plt\n\nnumber = 3"


@pytest.mark.filterwarnings("ignore:.*non-interactive.*")
def test_what_cells_print_and_draw_is_kept(tmp_path):
    (tmp_path / "a.py").write_text(SCRIPT)
    assert main([str(tmp_path / "a.py")]) == 0
    made = json.loads((tmp_path / "a.ipynb").read_text())
    assert made == notebook(SCRIPT)  # the same again, to the last byte of a figure
    assert (made["nbformat"], made["nbformat_minor"]) == (4, 5)
    first, second, third = made["cells"]
    assert first["cell_type"] == "markdown" and "outputs" not in first
    assert (second["outputs"], second["execution_count"]) == ([], 1)
    printed, drawn = third["outputs"]
    assert printed == {"output_type": "stream", "name": "stdout", "text": ["4\n"]}
    assert drawn["data"]["image/png"].startswith("iVBOR")


def test_a_word_is_needed(capsys):
    assert main([]) == 2
    assert "tools.notebook" in capsys.readouterr().out
