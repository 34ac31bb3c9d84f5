"""The house keeps its own rules: sizes, complexity, no circle, and one order of the floors."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LINES = 350
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
RUFF = PYPROJECT["tool"]["ruff"]["lint"]
# Options of a kernel are compile-time branches: complexity is not measured there, and only there.
KERNELS = "kernels/lrs_kernels/triton/kernels/**"
GROUND = {"errors", "files", "options", "versions"}


def sources() -> list[Path]:
    tops = ("lrs_lightning", "kernels", "benchmarks", "tests")
    files = [path for top in tops for path in (ROOT / top).rglob("*")]
    return [path for path in files if path.suffix in (".py", ".c", ".h", ".css")]


@cache
def imports() -> dict[str, set[str]]:
    """Module -> modules of ours that it imports, those for type checkers alone left out."""
    grimp = pytest.importorskip("grimp", reason="import-linter is not installed")
    graph = grimp.build_graph(
        "lrs_lightning", "lrs_kernels", exclude_type_checking_imports=True, cache_dir=None
    )
    return {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}


@cache
def layers() -> dict[str, int]:
    """Room -> its place in the contract of import-linter, 0 for the uppermost."""
    contracts = PYPROJECT["tool"]["importlinter"]["contracts"]
    (floors,) = (contract["layers"] for contract in contracts if contract["type"] == "layers")
    return {
        room.strip().removeprefix("lrs_lightning."): place
        for place, line in enumerate(floors)
        for room in line.split(":")
    }


@cache
def floors() -> dict[str, int]:
    """Room -> its floor in the table of ARCHITECTURE.md."""
    rows = re.findall(r"^\| (\d+) \| (.*?) \|", (ROOT / "ARCHITECTURE.md").read_text(), re.M)
    return {
        Path(room).stem: int(floor)
        for floor, rooms in rows
        for room in re.findall(r"`([\w/.]+)`", rooms)
    }


def test_no_file_is_too_long():
    long = {str(p.relative_to(ROOT)): n for p in sources() if (n := lines(p)) > LINES}
    assert long == {}


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_complexity_is_measured_everywhere_but_in_the_kernels():
    assert "C90" in RUFF["select"] and RUFF["mccabe"]["max-complexity"] <= 10
    assert not any(rule.startswith("C9") for rule in RUFF["ignore"])
    spared = [glob for glob, rules in RUFF["per-file-ignores"].items() if "C901" in rules]
    assert spared == [KERNELS]
    silenced = [p for p in sources() if re.search(r"noqa: .*C9" + "01", p.read_text())]
    assert not silenced


def test_no_module_imports_itself_round_a_circle():
    try:
        TopologicalSorter(imports()).prepare()
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' -> '.join(error.args[1])}")


def test_a_circle_would_be_found():
    with pytest.raises(CycleError):
        TopologicalSorter({**imports(), "a": {"b"}, "b": {"a"}}).prepare()


def test_no_arrow_points_upwards():
    upwards = [
        f"{module} imports {imported}"
        for module, found in imports().items()
        for imported in found
        if place(imported) < place(module)
    ]
    assert not upwards


def place(module: str) -> int:
    """Of the room that a module is in; the package itself, which is empty, lies under all."""
    room = module.removeprefix("lrs_lightning.").split(".")[0]
    return max(layers().values()) if room == "lrs_lightning" else layers()[room]


def test_every_room_has_a_floor():
    folder = ROOT / "lrs_lightning"
    rooms = {path.parent.name for path in folder.glob("*/__init__.py")}
    alone = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    assert rooms | alone | {"lrs_kernels"} == set(layers())
    assert (rooms | {"cli", "__main__", "lrs_kernels"}) - GROUND == set(floors())


def test_the_table_of_floors_agrees_with_the_contract():
    for room, floor in floors().items():
        for other, lower in floors().items():
            if floor > lower:
                assert layers()[room] < layers()[other], f"{room} lies above {other}"


def test_the_ground_is_under_all_rooms():
    lowest = max(layers()[room] for room in floors())
    assert all(layers()[room] > lowest for room in GROUND)
    text = (ROOT / "ARCHITECTURE.md").read_text()
    assert all(f"`{name}.py`" in text or f"`{name}/`" in text for name in GROUND)
