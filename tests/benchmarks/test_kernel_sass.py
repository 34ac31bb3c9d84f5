"""Finding the loop over time in assembly text."""

from __future__ import annotations

import pytest

pytest.importorskip("triton")

from benchmarks.kernel_sass import load_distance, time_loop

TEXT = """
        /*0000*/                   MOV R1, c[0x0][0x28] ;
        /*0010*/                   HMMA.16816.F32.BF16 R4, R8, R12, R4 ;
        /*0020*/              @P0  BRA 0x10 ;
        /*0030*/                   LDSM.16.M88.4 R8, [R2] ;
        /*0040*/                   HMMA.16816.F32.BF16 R4, R8, R12, R4 ;
        /*0050*/             @!P1  MUFU.TANH R5, R4 ;
        /*0060*/                   BAR.SYNC.DEFER_BLOCKING 0x0 ;
        /*0070*/             @!P0  BRA 0x30 ;
        /*0080*/                   EXIT ;
        /*0090*/                   BRA 0x90 ;
"""


def test_the_loop_that_activates_is_the_loop_over_time() -> None:
    assert time_loop(TEXT) == {
        "LDSM.16.M88.4": 1,
        "HMMA.16816.F32.BF16": 1,
        "MUFU": 1,
        "BAR.SYNC.DEFER_BLOCKING": 1,
        "BRA": 1,
    }


def test_text_without_a_loop_has_none() -> None:
    assert time_loop("        /*0000*/   EXIT ;\n") == {}


def test_global_memory_is_counted_by_width() -> None:
    text = loop_of(
        "LDG.E.64 R4, desc[UR6][R2.64]",
        "@P1 STG.E desc[UR6][R2.64], R4",
        "LDG.E.U16 R6, desc[UR6][R2.64]",
        "LDGSTS.E.BYPASS.128 [R9], desc[UR6][R2.64]",
    )
    counted = time_loop(text)
    assert (counted["LDG.64"], counted["STG.32"], counted["LDG.16"]) == (1, 1, 1)
    assert counted["LDGSTS"] == 1


def loop_of(*instructions: str) -> str:
    lines = [*instructions, "FMUL R90, R91, R92", "@P0 BRA 0x10"]
    return "".join(f"        /*{16 * n + 16:04x}*/   {what} ;\n" for n, what in enumerate(lines))


@pytest.mark.parametrize(
    ("instructions", "distance"),
    [
        (["LDG.E R4, desc[UR6][R2.64]", "FADD R5, R4, R3"], 1 / 4),
        (["FADD R5, R4, R3", "LDG.E R4, desc[UR6][R2.64]"], 3 / 4),
        (["LDG.E.64 R4, desc[UR6][R2.64]", "MOV R1, R2", "MOV R6, R5"], 2 / 5),
        (["MOV R6, R5", "LDG.E.128 R2, desc[UR6][R8.64]", "STG.E desc[UR6][R8.64], R9"], 4 / 5),
        (["STG.E.64 desc[UR6][R8.64], R4", "@P1 LDG.E R5, desc[UR6][R2.64]"], 3 / 4),
        (["LDG.E R7, desc[UR6][R2.64]", "HMMA.16816.F32.BF16 R20, R4, R8, RZ"], 1 / 4),
        (["LDG.E R10, desc[UR6][R2.64]", "HMMA.16816.F32.BF16 R20, R4, R8, RZ"], 1.0),
        (["LDG.E R7, desc[UR6][R2.64]", "MOV R7, R1"], 1.0),
        (["FADD R5, R4, R3"], 1.0),
    ],
    ids=[
        "at once",
        "next turn",
        "second half",
        "four",
        "wide store",
        "operand",
        "beside",
        "unused",
        "none",
    ],
)
def test_a_load_is_followed_to_its_first_use(instructions, distance) -> None:
    assert load_distance(loop_of(*instructions)) == pytest.approx(distance)
