"""The page: complete, self-contained, and deaf to what a file may try."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from lrs_lightning.errors import LrsError
from lrs_lightning.report import runs as report_runs
from lrs_lightning.report import sections, write_report
from lrs_lightning.statistics.results import ResultsWriter
from lrs_lightning.statistics.summary import summarize
from tests.evaluation.fakes import fake_episode, rows

MEANS = {"clean": 9000.0, "mass@1": 7000.0, "mass@2": 5000.0, "friction@3": 8500.0}
REFERENCES = {"expert": 10_000.0, "random": -200.0}


class Page(HTMLParser):
    """Collects tags, checks that they close, and reads the text."""

    VOID = ("meta", "img", "br", "input")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, Any]]] = []
        self.words: list[str] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attributes: Any) -> None:
        self.tags.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: Any) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("style", "script"):
            self.words.append(data)

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.tags)


def run(folder: Path, scale: float = 1.0, policy: str = "policy", **about: Any) -> Path:
    played = rows({k: v * scale for k, v in MEANS.items()}, policy)
    with ResultsWriter(folder / "results.jsonl") as writer:
        writer.write_rows(played)
    summarize(played, REFERENCES, {"cell": "cfc", "rank": 8, **about}, {"commit": "abc123"}).write(
        folder
    )
    return folder


def read(path: Path) -> Page:
    return Page(path.read_text(encoding="utf-8"))


def test_one_run(tmp_path: Path) -> None:
    page = read(write_report([run(tmp_path / "a")], tmp_path / "report.html"))
    text = " ".join(page.words)
    for word in ("HalfCheetah-v5", "mass@2", "rank 8", "abc123", "Heat maps", "Provenance"):
        assert word in text
    assert "Paired differences" not in text and "Ranks" not in text
    drawn = [a.get("aria-label") for tag, a in page.tags if tag == "svg" and a.get("role") == "img"]
    assert drawn == ["mass", "friction", "expert-normalised return"]
    assert page.count("h1") == 1


def test_several_runs_side_by_side(tmp_path: Path) -> None:
    folders = [run(tmp_path / "good"), run(tmp_path / "weak", 0.8)]
    page = read(write_report(folders, tmp_path / "report.html"))
    text = " ".join(page.words)
    for word in ("good - weak", "Paired differences", "Ranks", "all shifts"):
        assert word in text
    differences = report_runs.gather([report_runs.read_run(f) for f in folders]).differences
    clean = next(d for d in differences if d.condition == "clean")
    assert clean.difference == pytest.approx(1800, abs=30) and clean.ci95[0] > 0


def test_totals_are_over_what_all_have_played(tmp_path: Path) -> None:
    paper, wide = run(tmp_path / "paper"), tmp_path / "wide"
    with ResultsWriter(wide / "results.jsonl") as writer:
        writer.write_rows(rows({"clean": 9000.0, "mass@1": 7000.0, "wind@5": 100.0}, "policy"))
    both = [report_runs.read_run(paper), report_runs.read_run(wide)]
    comparison = report_runs.gather(both)
    assert [c.name for c in comparison.shared.conditions] == ["clean", "mass@1"]
    expected = 7000 + 200  # of the only shift that both played
    told = comparison.summaries[0].headline
    assert told["mean_over_shifts"] == pytest.approx(expected / 10_200, abs=0.02)
    page = read(write_report([paper, wide], tmp_path / "r.html"))
    assert "over the 2 of 5 conditions that all played" in " ".join(page.words)


def test_nothing_is_fetched(tmp_path: Path) -> None:
    text = write_report([run(tmp_path / "a")], tmp_path / "r.html").read_text(encoding="utf-8")
    for _, attributes in Page(text).tags:
        for name in ("src", "href", "xlink:href", "data"):
            assert str(attributes.get(name) or "#").startswith(("#", "data:"))
    outside = {u for u in re.findall(r"https?://[^\s\"'<>)]+", text) if "www.w3.org" not in u}
    assert not outside  # names of SVG's vocabulary are no addresses
    assert "@import" not in text and "default-src 'none'" in text
    (script,) = re.findall(r"<script>(.*?)</script>", text, flags=re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in text  # and no other script can run
    assert not re.search(r"fetch\(|XMLHttp|innerHTML|eval\(|insertAdjacent|document.write", script)


@pytest.fixture
def everything(tmp_path: Path) -> str:
    """A page with every section: two runs, a film, and a failed episode."""
    folders = [run(tmp_path / "good"), run(tmp_path / "weak", 0.8)]
    with ResultsWriter(folders[0] / "results.jsonl") as writer:
        writer.write(fake_episode(policy="policy", seed=7, status="failed", error="boom"))
    (folders[0] / "films").mkdir()
    Image.new("L", (8, 8)).save(folders[0] / "films" / "clean.gif")
    return write_report(folders, tmp_path / "report.html").read_text(encoding="utf-8")


def test_the_page_is_made_of_elements_that_browsers_know(everything: str) -> None:
    page = Page(re.sub(r"<svg.*?</svg>", "", everything, flags=re.DOTALL))
    assert {tag for tag, _ in page.tags} <= {
        "html", "head", "meta", "title", "style", "body", "main", "header", "footer", "section",
        "article", "h1", "h2", "h3", "p", "div", "span", "b", "i", "small", "dl", "dt", "dd",
        "table", "thead", "tbody", "tr", "th", "td", "details", "summary", "figure", "figcaption",
        "img", "nav", "ul", "li", "a", "bdi", "button", "label", "select", "option", "caption",
        "script",
    }  # fmt: skip
    given = {(tag, name) for tag, attributes in page.tags for name in attributes}
    assert {name for _, name in given} <= {
        "lang", "charset", "name", "content", "http-equiv", "class", "style", "scope", "tabindex",
        "src", "alt", "loading", "open", "id", "href", "title", "role", "type", "value", "hidden",
        "download", "aria-label", "aria-hidden", "aria-live", "aria-pressed", "data-csv",
        "data-measure", "data-head", "data-return", "data-expert", "data-clean", "data-fell",
        "data-success",
    }  # fmt: skip


def test_every_class_of_the_page_has_a_style(everything: str) -> None:
    style = everything.split("<style>")[1].split("</style>")[0]
    styled = set(re.findall(r"\.([a-z][\w-]*)", style))
    found = {c for _, a in Page(everything).tags for c in str(a.get("class") or "").split()}
    unstyled = {"word", "sortable", "noscript"}  # set as text is; read by the script
    assert found and found <= styled | unstyled


def test_sections_come_in_the_order_in_which_a_reader_asks(everything: str) -> None:
    heads = re.findall(r"<h2>(.*?)<a", everything)
    assert heads == [
        "Answer", "Each policy", "Shift by policy", "Every condition", "Return over severity",
        "Episode by episode", "Heat maps", "Performance profiles", "Ranks",
        "Paired differences", "Episodes", "Numbers to take away", "Provenance",
    ]  # fmt: skip
    texts = [v for k, v in vars(sections).items() if k.isupper() and isinstance(v, str)]
    notes = [text for text in texts if text.endswith(".")]
    shown = html.unescape(everything)
    assert len(notes) == 3 and all(shown.count(note) == 1 for note in notes)
    assert "<title>good, weak on HalfCheetah-v5</title>" in everything
    text = " ".join(Page(everything).words)
    assert "4 conditions · 21 episode seeds · expert 10,000 · random -200" in text


def test_both_colour_schemes_define_every_colour_that_is_used(tmp_path: Path) -> None:
    text = write_report([run(tmp_path / "a"), run(tmp_path / "b")], tmp_path / "r.html").read_text()
    light, dark = text.split("prefers-color-scheme: dark")[:2]
    used = set(re.findall(r"var\((--[\w-]+)\)", text)) - {"--share"}
    defined = {part: set(re.findall(r"(--[\w-]+):", css)) for part, css in
               (("light", light), ("dark", dark.split("</style>")[0]))}  # fmt: skip
    assert used <= defined["light"]
    assert used - defined["dark"] <= {"--font", "--paper"}
    drawn = re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL)
    assert drawn and not any(re.search(r"#[0-9a-f]{6}\b", svg) for svg in drawn)


def test_ids_are_not_shared_between_figures(tmp_path: Path) -> None:
    text = write_report([run(tmp_path / "a"), run(tmp_path / "b")], tmp_path / "r.html").read_text()
    ids = re.findall(r'\sid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', text)) and all(
        (a or b) in ids for a, b in re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', text)
    )


def test_text_from_files_is_escaped(tmp_path: Path) -> None:
    evil = '<script>alert("x")</script>'
    folder = tmp_path / "a"
    with ResultsWriter(folder / "results.jsonl") as writer:
        for seed in range(3):
            writer.write(fake_episode(policy=evil, seed=seed, return_=float(seed)))
    page = read(write_report([folder], tmp_path / "r.html"))
    assert page.count("script") == 1  # the page's own
    assert evil in " ".join(page.words)


def test_films_are_embedded_while_they_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = run(tmp_path / "a")
    (folder / "films").mkdir()
    frames = [Image.new("L", (8, 8), 20 * i) for i in range(3)]
    frames[0].save(folder / "films" / "clean.gif", save_all=True, append_images=frames[1:])
    page = read(write_report([folder], tmp_path / "r.html"))
    (image,) = [attributes for tag, attributes in page.tags if tag == "img"]
    assert image["src"].startswith("data:image/gif;base64,")
    assert image["alt"] == "a: films/clean.gif"
    monkeypatch.setattr(sections, "FILM_BYTES", 10)
    page = read(write_report([folder], tmp_path / "r.html"))
    assert page.count("img") == 0 and "Left out" in " ".join(page.words)


def test_killed_evaluation_without_summary_and_with_a_torn_line(tmp_path: Path) -> None:
    folder = run(tmp_path / "a")
    (folder / "summary.json").unlink()
    file = folder / "results.jsonl"
    file.write_bytes(file.read_bytes()[:-30])
    text = " ".join(read(write_report([file], tmp_path / "r.html")).words)
    assert "friction@3" in text


def test_the_last_training_step_counts(tmp_path: Path) -> None:
    with ResultsWriter(tmp_path / "results.jsonl") as writer:
        for step, mean in ((10, 1.0), (30, 3.0), (20, 2.0)):
            writer.write_rows(rows({"clean": mean}, spread=0.0, step=step))
    (summary,) = report_runs.read_run(tmp_path).summaries
    assert summary.conditions[0]["return_mean"] == 3.0


def test_runs_of_one_name_are_told_apart(tmp_path: Path) -> None:
    runs = [report_runs.read_run(run(tmp_path / part / "v0")) for part in ("x", "y")]
    assert [s.name for s in report_runs.gather(runs).summaries] == ["v0", "v0-2"]


def test_long_tables_are_folded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = run(tmp_path / "a")
    assert read(write_report([folder], tmp_path / "r.html")).count("details") == 2
    monkeypatch.setattr(sections, "LONG", 3)
    page = read(write_report([folder], tmp_path / "r.html"))
    assert page.count("details") == 3 and "All 4 conditions" in " ".join(page.words)


def test_bad_runs(tmp_path: Path) -> None:
    with pytest.raises(LrsError, match="give a results.jsonl or a run folder"):
        write_report([tmp_path], tmp_path / "r.html")
    (tmp_path / "results.jsonl").write_text("")
    with pytest.raises(LrsError, match="holds no whole episode: evaluate first"):
        write_report([tmp_path], tmp_path / "r.html")
    other = tmp_path / "other"
    with ResultsWriter(other / "results.jsonl") as writer:
        writer.write(fake_episode(env="Hopper-v5"))
    with pytest.raises(LrsError, match=r"a \(HalfCheetah-v5\), other \(Hopper-v5\)"):
        write_report([run(tmp_path / "a"), other], tmp_path / "r.html")
    assert not (tmp_path / "r.html").exists()


def test_a_link_puts_no_other_file_into_the_page(tmp_path: Path) -> None:
    folder = run(tmp_path / "a")
    secret = tmp_path / "secret.txt"
    secret.write_text("GIF8 a secret")
    (folder / "films").mkdir()
    (folder / "films" / "link.gif").symlink_to(secret)
    (folder / "films" / "text.gif").write_text("no film")
    assert "image/gif" not in write_report([folder], tmp_path / "r.html").read_text()
