"""What page and terminal say in words, from every kind of evaluation, is what was approved."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from lrs_lightning.report.answers import answer_of_methods, answer_of_one, answer_of_runs
from lrs_lightning.report.runs import Comparison, Run, gather
from lrs_lightning.report.wording import (
    caveats,
    headline_sentence,
    method_sentence,
    verdicts,
    with_other_seeds,
)
from lrs_lightning.statistics.result_line import Row
from lrs_lightning.statistics.summary import Summary, summarize
from tests.evaluation.fakes import rows
from tests.report.approved import check
from tests.report.test_page import only, study

REFERENCES = {"expert": 1000.0, "random": 0.0}
MEANS = {"clean": 900.0, "mass@1": 700.0, "wind@2": 400.0}


def played(name: str, means: dict[str, float] = MEANS, **about: Any) -> Run:
    own = rows(means, name, episodes=3)
    return Run(Path("/runs") / name, [summarize(own, REFERENCES, about)], own, [])


def alone(own: list[Row], references: dict[str, float] = REFERENCES) -> Comparison:
    return gather([Run(Path("/runs/p"), [summarize(own, references)], own, [])])


def test_answers() -> None:
    weak = {name: mean / 2 for name, mean in MEANS.items()}
    failed = [{**row, "return": None, "status": "failed"} for row in rows(MEANS, "p", 1)]
    three, singles = study(("a", "a", "b", "b", "c", "c")), study(("a", "b", "c"))
    told = {
        "two methods": answer_of_methods(gather(study())),
        "three methods": answer_of_methods(gather(three)),
        "three methods in the clean world": answer_of_methods(gather(only("clean", three))),
        "three methods, two seeds short of two": answer_of_methods(gather(three[:5])),
        "two runs": answer_of_runs(gather([played("one"), played("two", weak)])),
        "two runs, the better one last": answer_of_runs(gather([played("q", weak), played("p")])),
        "equal runs": answer_of_runs(gather([played("one"), played("two")])),
        "three runs": answer_of_runs(gather(singles)),
        "two runs in the clean world": answer_of_runs(gather(only("clean", three[::2][:2]))),
        "three runs in the clean world": answer_of_runs(gather(only("clean", singles))),
        "one method": answer_of_one(gather(study(("a", "a", "a")))),
        "one policy": answer_of_one(gather([played("one")])),
        "without references": answer_of_one(alone(rows(MEANS, "p", 3), {})),
        "in the clean world": answer_of_one(alone(rows({"clean": 9.0}, "p", 3))),
        "under shifts alone": answer_of_one(alone(rows({"mass@1": 9.0}, "p", 3))),
        "all failed": answer_of_one(alone(failed)),
    }
    check("answers.txt", "".join(f"{name}:\n    {text}\n" for name, text in told.items()))


def test_what_must_be_said_beside_numbers() -> None:
    def said(origin: dict[str, Any] | None = None, **about: Any) -> Summary:
        return summarize(rows(MEANS, "p", episodes=3), REFERENCES, about, origin)

    alike = rows(MEANS, "p", episodes=3)
    for row in alike:
        if row["condition"] != "clean":
            row["outcome"] = "the same" if row["condition"] == "wind@2" else row["seed"] % 2
    unchanged = said()
    for condition in unchanged.conditions[1:]:
        condition["unchanged"] = True
    poor = {name: mean / 100 for name, mean in MEANS.items()}
    told = {
        "nothing special": said(),
        "a training seed": said(seeds={"training": 3}),
        "episodes that went alike": summarize(alike, REFERENCES),
        "a clean return near nothing": summarize(rows(poor, "p", 3, spread=1.0), REFERENCES),
        "other settings": said({"settings": "frame_skip 2"}),
        "conditions left out": said({"left_out": {"mass@5": "x", "rain@1": "y"}}),
        "conditions without effect": unchanged,
    }
    lines = [
        line
        for name, summary in told.items()
        for line in (f"{name}:", f"    {headline_sentence(summary.headline)}",
                     *(f"    {text}" for text in caveats(summary)))
    ]  # fmt: skip
    lines += ["a training seed among others:"]
    lines += [f"    {text}" for text in caveats(said(seeds={"training": 3}), other_seeds=True)]
    check("caveats.txt", "\n".join(lines) + "\n")


def test_who_has_other_seeds_is_of_a_method_of_several() -> None:
    assert with_other_seeds([["a", "b"], ["c"], [], ["d", "e", "f"]]) == set("abdef")


def test_what_is_said_of_methods() -> None:
    studies = {
        "in part shared seeds": gather(study()),
        "no shared seeds": gather(study(("a", "a", "b", "b", "c", "c"))),
        "one seed each": gather(study(("a", "b"))),
        "in the clean world": gather(only("clean", study())),
    }
    lines = []
    for name, found in studies.items():
        of = [method_sentence(method.to_dict()) for method in found.methods]
        lines += [
            f"{name}:",
            *(f"    {text}" for text in (*of, *verdicts(found.method_differences))),
        ]
    pairs = gather(study()).method_differences
    lines += ["better and worse:", f"    {verdicts([_clear(d, k) for k, d in enumerate(pairs)])}"]
    check("methods.txt", "\n".join(lines) + "\n")


def _clear(d: Any, k: int) -> Any:
    """The difference, as clear as it can be, for every second one the other way."""

    return replace(d, difference=(-1) ** k * abs(d.difference), p_holm=0.01, paired=True)
