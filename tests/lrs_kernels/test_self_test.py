"""`lrs_kernels.self_test`: right paths pass, and a wrong one is named with the way around it."""

from __future__ import annotations

import pytest

from lrs_kernels import cells, self_test
from lrs_kernels.dispatch import choose
from lrs_lightning.__main__ import main


def test_every_variant_of_every_cell_is_right_here():
    findings = self_test.self_test("cpu")
    asked = {(name, variant) for name, cell in cells().items() for variant in cell.variants}
    assert {(finding.cell, finding.variant) for finding in findings} == asked
    assert all(finding.right and finding.error > 0 for finding in findings), findings


@pytest.mark.parametrize("factor, failure", [(1.001, ""), (float("nan"), ""), (None, "no luck")])
def test_a_wrong_path_is_named(monkeypatch, capsys, factor, failure):
    def other(*arguments, **options):
        if factor is None:
            raise RuntimeError(failure)
        y, final = scan(*arguments, **options)
        wrong = arguments[0].name == "lstm" and options["backend"] == "auto"
        return (y * factor if wrong else y), final

    scan = self_test.recurrent_scan
    monkeypatch.setattr(self_test, "recurrent_scan", other)
    assert main(["info", "--self_test"]) == 1
    said = capsys.readouterr().out
    backend = choose("auto", cells()["lstm"], "standard", "cpu").backend
    (line,) = [line for line in said.splitlines() if line.startswith("WRONG  lstm")]
    assert self_test.SWITCH_OFF[backend] in line and failure in line
    assert "are wrong" in said


def test_the_command_says_that_all_is_right(capsys):
    assert main(["info", "--self-test"]) == 0
    assert "all are right" in capsys.readouterr().out


def test_triton_can_be_switched_off(monkeypatch):
    cell = cells()["cfc"]
    monkeypatch.setenv("LRS_KERNELS_TRITON", "0")
    choose.cache_clear()
    try:
        chosen = choose("auto", cell, "paper", "cuda")
        assert chosen.backend == "cpu" and "LRS_KERNELS_TRITON is 0" in chosen.reason
    finally:
        choose.cache_clear()


def test_relu_is_given_room_at_its_kink_in_lower_precision_alone():
    for precision, right in (("bf16", True), ("ieee", False)):
        assert self_test.Finding("rnn", "relu", "triton", precision, 0.05).right is right
    assert not self_test.Finding("rnn", "tanh", "triton", "bf16", 0.05).right
