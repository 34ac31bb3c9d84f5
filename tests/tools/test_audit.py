"""`make audit` says what is known, and never that all is well where nothing could be asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tools import audit

CLEAN = {"name": "six", "version": "1.17.0", "vulns": []}
UNSAFE = {
    "name": "old",
    "version": "1.0",
    "vulns": [
        {"id": "PYSEC-1", "fix_versions": ["1.1", "2.0"]},
        {"id": "CVE-2", "fix_versions": []},
    ],
}
UNKNOWN = {"name": "odd", "skip_reason": "Dependency not found"}


def written(*packages: dict) -> str:
    return json.dumps({"dependencies": packages, "fixes": []})


@pytest.fixture
def service(monkeypatch):
    """Makes `ask` hear of every file what it is given."""

    def answers(stdout: str, stderr: str = "") -> None:
        monkeypatch.setattr(audit, "ask", lambda file, _: audit.answer(file.name, stdout, stderr))

    return answers


@pytest.mark.parametrize(
    ("stdout", "code", "said"),
    [
        (written(CLEAN), 0, "no known vulnerability in 1 packages"),
        (
            written(CLEAN, UNSAFE),
            1,
            "old 1.0: PYSEC-1, mended in 1.1, 2.0\nold 1.0: CVE-2, mended in no version yet",
        ),
        (written(CLEAN, UNKNOWN), 2, "answers nothing of 1 of 2 packages of atari.txt (odd)"),
        (written(UNSAFE, UNKNOWN), 2, "answers nothing"),
        (written(), 2, "answers nothing of 0 of 0"),
        ("", 2, "could not be asked for: requests.exceptions.ConnectionError: no route"),
        ("[]", 2, "could not be asked for"),
        ("{", 2, "could not be asked for"),
    ],
)
def test_what_it_says(service, capsys, stdout, code, said):
    service(stdout, "Traceback ...\nrequests.exceptions.ConnectionError: no route\n")
    assert audit.main([]) == code
    out, err = capsys.readouterr()
    assert said in (err if code == 2 else out)
    assert bool(out) is (code != 2) and len(err.splitlines()) == (code == 2)


def test_it_runs_pip_audit_on_the_file(monkeypatch, tmp_path):
    """A stand-in that answers with its own words."""
    program = tmp_path / "pip-audit"
    program.write_text(
        "#!/usr/bin/env python3\nimport json, sys\n"
        "print(json.dumps({'dependencies': [{'name': ' '.join(sys.argv[1:]), 'vulns': []}]}))\n"
    )
    program.chmod(0o755)
    monkeypatch.setattr(audit.sys, "executable", str(tmp_path / "python"))
    (package,) = audit.ask(Path("lock/fit.txt"), ["-s", "osv"])
    for words in ("--require-hashes", "--disable-pip", "-s osv", "--requirement lock/fit.txt"):
        assert words in package["name"]


def test_every_file_of_the_lock_is_asked_about():
    names = {file.name for file in audit.FILES}
    assert names == {file.name for file in audit.LOCK.glob("*.txt")} - {"torch-cpu.txt"}
    assert {"fit.txt", "test.txt", "torch.txt", "supply.txt"} <= names
