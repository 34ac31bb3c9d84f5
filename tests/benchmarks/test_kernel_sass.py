"""Finding the loop over time in assembly text."""

from __future__ import annotations

import pytest

pytest.importorskip("triton")

from benchmarks.kernel_sass import time_loop

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
