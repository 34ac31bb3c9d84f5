"""What a sweep does with any launcher: who dies is tried again, who fails is told, tables grow."""

from __future__ import annotations

import pytest

from lrs_lightning.errors import ArgumentError, DataError
from lrs_lightning.training.sweep.launchers.choice import launcher_of
from lrs_lightning.training.sweep.launchers.launcher import Ended, Job
from lrs_lightning.training.sweep.launchers.local import LocalLauncher
from lrs_lightning.training.sweep.launchers.needs import Needs
from lrs_lightning.training.sweep.pace import Pace, duration
from lrs_lightning.training.sweep.plan import points_of, runs_of
from lrs_lightning.training.sweep.running import Sweep


class Scripted:
    """Ends each run as a script says, the one that was started last first."""

    def __init__(self, out, script, slots=2):
        self.out, self.script, self.started, self.queue = out, script, [], []
        self.slots = lambda: slots

    def claim(self, out):
        raise NotImplementedError

    def start(self, job):
        self.started.append(job)
        self.queue.append(job)

    def wait(self):
        job = self.queue.pop()
        given = self.script[job.name].pop(0)
        if given == "saved and died":
            last = job.folder / "checkpoints" / "last.ckpt"
            last.parent.mkdir(parents=True, exist_ok=True)
            last.write_text("x")
            given = None
        reason = {None: "killed", 0: "", 3: ""}.get(given, "a sentence")
        return Ended(job, given, 4.0, reason)


@pytest.fixture
def sweep(tmp_path):
    def make(script, **options):
        runs = runs_of(points_of({"rank": list(range(1, len(script) + 1))}, [], {}), {}, members=1)
        named = {f"run-{n:03d}": list(given) for n, given in enumerate(script)}
        lines = []
        launcher = Scripted(tmp_path, named)
        return (
            Sweep(tmp_path, runs, launcher, lines.append, lines.append, **options),
            launcher,
            lines,
        )

    return make


def test_a_run_whose_process_died_goes_on_from_its_checkpoint(sweep, tmp_path):
    study, launcher, lines = sweep([[0], ["saved and died", None, 0]])
    assert study.train() == 0
    assert [job.name for job in launcher.started].count("run-001") == 3
    resumed = [any("--ckpt_path" in word for word in job.words) for job in launcher.started]
    assert resumed == [False, False, True, True]
    assert "sweep: the process of run run-001 has died (killed): it goes on from its last" in (
        " ".join(lines)
    )
    assert len(study.finished()) == 2


def test_a_run_that_dies_at_one_place_again_and_again_is_given_up(sweep):
    study, launcher, lines = sweep([[0], [None, None, None]])
    assert study.train() == 1
    assert len(launcher.started) == 4 and "3 times at one place" in " ".join(lines)
    assert [point.name for point, _ in study.finished()] == ["rank-1"]


def test_a_run_that_dies_and_gets_on_is_never_given_up(sweep):
    study, launcher, _ = sweep([["saved and died"] * 5 + [0]])
    assert study.train() == 0 and len(launcher.started) == 6


def test_a_run_that_fails_is_told_and_the_others_go_on(sweep):
    seen = []
    study, launcher, lines = sweep([[3], [2], [0], [1]], on_finished=lambda: seen.append(1))
    assert study.train() == 1, "the first that has failed, and the last was started last"
    assert len(launcher.started) == 4 and len(seen) == 2, "tables grow with each that has finished"
    assert "error: run run-001 failed, the others go on: a sentence" in lines
    assert lines[0] == "sweep: 4 members in 4 runs; 2 runs at a time"
    assert lines[-1] == "sweep: 2 of 4 members, 0 s to go; 2 failed"
    launcher.script |= {"run-001": [0], "run-003": [0]}
    assert study.train() == 0, "with the same words those are trained that failed"
    assert lines[4:] and "4 members in 4 runs, 2 of them finished" in " ".join(lines)


def test_a_sentence_of_a_local_run_ends_that_run_alone(tmp_path):
    launcher = LocalLauncher(lambda words: (_ for _ in ()).throw(DataError("a full disk")))
    job = Job("run-000", [], tmp_path)
    launcher.start(job)
    ended = launcher.wait()
    assert (ended.job, ended.code, ended.reason) == (job, 2, "a full disk")


def test_what_was_begun_goes_on_with_its_own_configuration(sweep, tmp_path):
    study, _, _ = sweep([["saved and died", 0]])
    study.train()
    file = tmp_path / "configurations" / "run-000.yaml"
    file.write_text("{}")
    (tmp_path / "runs" / "run-000" / "finished.txt").unlink()
    study.launcher.script["run-000"] = [0]
    study.train()
    assert file.read_text() == "{}"


def test_the_time_to_go_counts_who_works_side_by_side(tmp_path):
    pace = Pace(total=10, left=8, slots=lambda: 3)
    assert pace.begin(runs=5, missing=4).endswith("5 runs, 2 of them finished; 3 runs at a time")
    first, rest = pace.tell(2, 60.0, tmp_path)
    assert "30.0 s" in first and "all 8 take about 80 s" in first
    assert rest == "sweep: 2 of 8 members, 60 s to go"
    pace.left_out(2)
    assert pace.tell(2, 60.0, tmp_path) == ["sweep: 4 of 8 members, 20 s to go; 2 failed"]
    assert [duration(x) for x in (99.0, 600.0, 7200.0)] == ["99 s", "10 min", "2.0 h"]


def test_what_a_run_takes_of_a_machine():
    assert Needs(4).fit_on({"CPU": 11.0}) == 2 and Needs(4).fit_on({}) == 0
    assert Needs(1, 0.5).fit_on({"CPU": 64.0, "GPU": 8.0}) == 16
    assert Needs(1, 0.6).fit_on({"CPU": 64.0, "GPU": 8.0}) == 8
    assert Needs(1, 1).fit_on({"CPU": 2.0, "GPU": 8.0}) == 2
    assert Needs(1, 1).fit_on({"CPU": 2.0}) == 0
    with pytest.raises(ArgumentError, match="--gpus is 1.5"):
        Needs(1, 1.5).check()
    fit = {"population": {"threads": 2}, "evaluation": {"episodes": 1}}
    assert Needs(4).applied(fit) == {
        "population": {"threads": 2},
        "evaluation": {"episodes": 1, "threads": 4},
    }
    assert Needs(4, 1).applied({}) == {"evaluation": {"threads": 4}}
    assert fit["evaluation"] == {"episodes": 1}
    assert (str(Needs(1)), str(Needs(2, 0.5))) == ("1 CPU", "2 CPUs and 0.5 GPU")


def test_how_members_are_run_is_declared_and_who_they_are_is_not():
    points = points_of({"rank": [1]}, [], {})
    (run,) = runs_of(points, {"population": {"graph": True}}, 5)
    assert run.configuration["population"]["graph"] is True
    with pytest.raises(ArgumentError, match="takes threads and graph"):
        runs_of(points, {"population": {"grid": {"rank": [1]}}}, 5)


def test_a_cluster_is_asked_for_by_its_name():
    with pytest.raises(ArgumentError, match="add it"), launcher_of("local", int, None, Needs(2)):
        pass
