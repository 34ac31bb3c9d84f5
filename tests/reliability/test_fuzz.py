"""Spoilt files of every kind: read or refused in one sentence, with no import and nothing opened.

A few hundred run with the other tests; `make test-long` runs ten thousand.
"""

from __future__ import annotations

import random
import sys
import warnings
from collections import Counter
from importlib.resources import files
from pathlib import Path

import pytest

from lrs_lightning.errors import LrsError
from tests.reliability.readers import READERS
from tests.reliability.watching import watched

# Shipped experts and suites, and what installed packages say of their plug-ins, are read beside.
OURS = (Path(str(files("lrs_lightning"))), *(Path(place) for place in sys.path if place))


def fuzz(folder: Path, kind: str, count: int, seed: int) -> tuple[Counter[str], list[str]]:
    """Spoil a good file `count` times.

    Returns:
        How many were read and how many refused; and what went wrong, if anything.
    """
    reader, outcomes, faults = READERS[kind], Counter[str](), []
    path = reader.make(folder)
    good = path.read_bytes()
    reader.read(path)  # whatever the libraries import on first use is imported now
    for number in range(count):
        draw = random.Random(f"{kind} {seed} {number}")
        path.write_bytes(reader.spoil(good, draw))
        reader.reseal(path)
        with warnings.catch_warnings(), watched(folder, *OURS) as seen:
            warnings.simplefilter("ignore")
            try:
                reader.read(path)
                outcomes["read"] += 1
            except LrsError as error:
                outcomes["refused"] += 1
                if "\n" in str(error) or len(str(error)) > 2000:
                    faults.append(f"{number}: no sentence: {str(error)[:200]!r}")
            except BaseException as error:
                faults.append(f"{number}: {type(error).__name__}: {str(error)[:200]}")
        faults += [f"{number}: {event}" for event in seen]
    return outcomes, faults


@pytest.mark.parametrize(
    "count", [pytest.param(20, id="20"), pytest.param(667, id="667", marks=pytest.mark.long)]
)
@pytest.mark.parametrize("kind", READERS)
def test_a_spoilt_file_is_read_or_refused_in_one_sentence(tmp_path, kind, count):
    outcomes, faults = fuzz(tmp_path, kind, count, seed=0 if count < 100 else 1)
    print(f"{kind}: {dict(outcomes)}")
    assert not faults, "\n".join(faults[:20])
    assert sum(outcomes.values()) == count and outcomes["refused"] > 0


def test_the_watch_sees_an_import_and_a_file_outside(tmp_path, monkeypatch):
    (tmp_path / "a_module_of_nobody.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "a").write_text("")
    with watched(inside) as seen:
        (inside / "a").read_bytes()
        assert not seen
        (tmp_path / "a_module_of_nobody.py").read_bytes()
        __import__("a_module_of_nobody")
    sys.modules.pop("a_module_of_nobody")
    assert any(event.startswith("open ") for event in seen)
    assert any(event.startswith("import a_module_of_nobody") for event in seen)
