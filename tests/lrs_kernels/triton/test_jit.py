"""Launches go through Triton's own path, for a GPU that is only pretended."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def printed(program: str) -> list[str]:
    """Lines of a program of this folder, where kernels are not interpreted."""
    environment = {**os.environ, "TRITON_INTERPRET": "0", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-m", f"tests.lrs_kernels.triton.{program}"],
        capture_output=True, text=True, cwd=ROOT, env=environment, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines()


def test_every_kernel_is_specialised_compiled_and_launched() -> None:
    # Five rows are one tile of a program, two members are the second axis of the grid; a step of
    # 512 units takes 32 programs.
    once = ["scan_forward_kernel 1 2 1", "scan_backward_kernel 1 2 1"]
    steps = ["step_forward_kernel 1 32 2"] * 3 + ["step_backward_kernel 1 32 2"] * 4
    assert printed("pretended_gpu") == [*once, *once, *once, *steps]


def test_a_launch_that_is_remembered_is_the_one_that_triton_would_make() -> None:
    assert len(printed("launched_again")) == 8
