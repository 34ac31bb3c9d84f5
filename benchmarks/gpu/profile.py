"""Stage `profile`: what a scan waits for, by the counters that Nsight Compute reads."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time

import torch

from benchmarks.gpu.journal import ROOT
from benchmarks.gpu.scan_cases import Scan, ScanCase
from benchmarks.gpu.stage import job

CASES = [
    ScanCase("cfc", direction, "bf16", hidden, 32, 64)
    for hidden in (64, 128)
    for direction in ("forward", "backward")
]
SECTIONS = ("WarpStateStats", "SchedulerStats", "SpeedOfLight", "MemoryWorkloadAnalysis")


def main(arguments: list[str]) -> None:
    """Profile a process that runs each kernel once; the counters go to `profile.txt`."""
    if arguments == ["once"]:
        for case in CASES:
            Scan(case, "cuda").call(case.direction)()
        torch.cuda.synchronize()
        return
    task = job(arguments, "benchmarks.gpu.profile")
    profiler = shutil.which("ncu")
    if task.rehearse or profiler is None:
        print("Nsight Compute (ncu) is not here: no profile")
        return
    sections = [word for name in SECTIONS for word in ("--section", name)]
    words = [
        profiler,
        "--clock-control",
        "none",
        *sections,
        "-k",
        "regex:scan_",
        "--page",
        "details",
    ]
    program = [sys.executable, "-m", "benchmarks.gpu.profile", "once"]
    with (task.out / "profile.txt").open("w") as file:
        subprocess.run(
            [*words, *program], cwd=ROOT, stdout=file, stderr=subprocess.STDOUT, check=False,
            timeout=max(1.0, task.until - time.time()),
        )  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1:])
