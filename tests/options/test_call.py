"""A typed function with the words of a command line: options, sentences, help, files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml
from jsonargparse.typing import PositiveFloat, PositiveInt

from lrs_lightning.errors import ArgumentError
from lrs_lightning.options.call import call
from lrs_lightning.options.peek import value_of

PROG = "python -m toy"


def toy(
    runs: list[str],
    /,
    *,
    policy: list[str],
    kind: Literal["alpha", "beta"] = "beta",
    number: PositiveInt = 20,
    maybe: int | None = None,
    share: float = 0.5,
    above: PositiveFloat | None = None,
    cells: Sequence[Literal["aa", "bb"]] = ("aa", "bb"),
    threads: list[int] | None = None,
    end_to_end: bool = False,
    noise: str = "0:0.4",
    out: Path | None = None,
) -> dict[str, Any]:
    """Do something in 50 % of all cases.

    And then something else.

    Args:
        runs: Run folders.
        policy: policies
        kind: what it is
        number: how many
        maybe: a number or none
        share: of all
        above: more than nothing
        cells: whose
        threads: of torch
        end_to_end: all of it
        noise: a ladder
        out: a file
    """
    return dict(locals())


def given(*words: str) -> dict[str, Any]:
    found = call(toy, PROG, words)
    assert isinstance(found, dict)
    return found


def test_defaults_are_those_of_the_function():
    found = given("r", "--policy", "p")
    assert found.pop("runs") == ["r"] and found.pop("policy") == ["p"]
    assert found.pop("cells") == ["aa", "bb"]
    expected = {name: toy.__kwdefaults__[name] for name in found}
    assert found == expected


@pytest.mark.parametrize(
    ("words", "name", "value"),
    [
        (["--policy", "p", "q"], "policy", ["p", "q"]),
        (["--kind", "alpha"], "kind", "alpha"),
        (["--number=3"], "number", 3),
        (["--maybe", "-3"], "maybe", -3),
        (["--maybe=null"], "maybe", None),
        (["--share", "1e-3"], "share", 0.001),
        (["--above", "0.5"], "above", 0.5),
        (["--cells", "bb"], "cells", ["bb"]),
        (["--threads", "1", "2"], "threads", [1, 2]),
        (["--end-to-end"], "end_to_end", True),
        (["--end_to_end"], "end_to_end", True),
        (["--noise", "0"], "noise", "0"),
        (["--noise", "0.3"], "noise", "0.3"),
        (["--noise", "1e3"], "noise", "1e3"),
        (["--noise", "null"], "noise", "null"),
        (["--out", "a/b.csv"], "out", Path("a/b.csv")),
    ],
)
def test_words_become_values(words, name, value):
    assert given("r", "--policy", "p", *words)[name] == value


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "required and not given: RUN, --policy"),
        (["r"], "required and not given: --policy"),
        (["r", "--polcy", "p"], "unknown option --polcy: did you mean '--policy'?"),
        (["r", "--pol", "p"], "unknown option --pol: did you mean '--policy'?"),
        (["r", "--policy", "p", "--end-to-ed"], "did you mean '--end-to-end'?"),
        (["r", "--policy", "p", "--zzzzzzzzz"], "unknown option --zzzzzzzzz (see"),
        (["r", "--policy"], "--policy needs a value"),
        (["r", "--policy", "p", "--number"], "--number needs a value"),
        (["r", "--policy", "p", "--kind=alpa"], "--kind is 'alpa': did you mean 'alpha'?"),
        (["r", "--policy", "p", "--kind=x"], "--kind is 'x'. There is alpha, beta"),
        (["r", "--policy", "p", "--cells", "aa", "cb"], "--cells is 'cb': did you mean 'bb'?"),
        (["r", "--policy", "p", "--number=0"], "'0', expected a whole number of at least 1"),
        (["r", "--policy", "p", "--number=x"], "'x', expected a whole number of at least 1"),
        (["r", "--policy", "p", "--number=1.5"], "'1.5', expected a whole number of at least 1"),
        (["r", "--policy", "p", "--maybe=x"], "--maybe is 'x', expected a whole number or null"),
        (["r", "--policy", "p", "--share=x"], "--share is 'x', expected a number"),
        (["r", "--policy", "p", "--above=0"], "--above is '0', expected a number above 0 or null"),
        (
            ["r", "--policy", "p", "--threads", "1", "x"],
            "is 'x', expected a whole number",
        ),
        (["r", "--policy", "p", "--end-to-end=yes"], "takes no value, and 'yes' was given"),
        (["r", "--policy", "p", "--number=3", "stray"], "'stray' belongs to no option"),
        (["r", "--policy", "p", "--config=no.yaml"], "--config: there is no file"),
    ],
)
def test_a_mistake_is_one_sentence(words, sentence):
    with pytest.raises(ArgumentError) as caught:
        call(toy, PROG, words)
    assert sentence in str(caught.value)
    assert str(caught.value).endswith(f"(see {PROG} --help)")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("polcy: [p]", "unknown key 'polcy': did you mean 'policy'?"),
        ("number: x", "--number is 'x', expected a whole number of at least 1"),
        ("number: true", "expected a whole number of at least 1"),
        ("kind: alpa", "--kind is 'alpa': did you mean 'alpha'?"),
        ("- 1", "options.yaml is no mapping of options to values"),
        ("a: [", "options.yaml is no YAML"),
        ("noise: !!python/object/apply:os.getcwd []", "options.yaml is no YAML"),
    ],
)
def test_a_mistake_in_a_file_is_one_sentence(text, sentence, tmp_path):
    (tmp_path / "options.yaml").write_text(text)
    with pytest.raises(ArgumentError) as caught:
        call(toy, PROG, ["r", "--policy", "p", f"--config={tmp_path / 'options.yaml'}"])
    assert sentence in str(caught.value) and "\n" not in str(caught.value)


def test_what_is_printed_can_be_read_again(tmp_path, capsys):
    words = ["r", "s", "--policy", "p", "--kind=alpha", "--threads", "1", "2", "--end-to-end"]
    assert call(toy, PROG, [*words, "--out=x.csv", "--print_config"]) == 0
    printed = capsys.readouterr().out
    assert yaml.safe_load(printed)["threads"] == [1, 2]
    (tmp_path / "again.yaml").write_text(printed)
    assert given("--config", str(tmp_path / "again.yaml")) == given(*words, "--out=x.csv")


def test_words_after_a_file_win(tmp_path):
    (tmp_path / "a.yaml").write_text("number: 3\nshare: 0.25\n")
    found = given("r", "--policy", "p", f"--config={tmp_path / 'a.yaml'}", "--number=4")
    assert (found["number"], found["share"]) == (4, 0.25)


def test_help_is_one_screen_in_groups(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert call(toy, PROG, ["--help"]) == 0
    page = capsys.readouterr().out
    assert page.startswith(f"usage: {PROG} RUN ... --policy POLICY ... [options]\n")
    assert "Do something in 50 % of all cases." in page and "something else" in page
    order = [page.index(f"\n{group}:\n") for group in ("required", "options", "general")]
    assert order == sorted(order)
    squeezed = " ".join(page.split())
    assert "--number INT how many (default: 20) " in squeezed
    assert "--kind {alpha,beta} what it is (default: beta) " in squeezed
    assert "--cells {aa,bb} ... whose (default: aa bb) " in squeezed
    assert "--maybe INT a number or none --share" in squeezed
    assert "--threads INT ... of torch --end_to_end all of it --noise" in squeezed
    assert "RUN run folders " in squeezed
    assert "None" not in page and "null" not in page and "--end-to-end" not in page
    assert len(page.splitlines()) < 40
    assert max(map(len, page.splitlines())) <= 80


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ([], None),
        (["--env", "A"], "A"),
        (["--env=A", "--env", "B"], "B"),
        (["--config", "c.yaml"], "C"),
        (["--env=A", "--config=c.yaml"], "C"),
        (["--config=c.yaml", "--env=A"], "A"),
        (["--config=none.yaml"], None),
        (["--config=list.yaml"], None),
        (["--config=broken.yaml"], None),
    ],
)
def test_a_value_before_there_is_a_parser(words, value, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text("env: C\n")
    Path("list.yaml").write_text("- env\n")
    Path("broken.yaml").write_text("env: [")
    assert value_of("env", words) == value
