"""Stage `smoke`: what machine this is, and whether every cell is right on it."""

from __future__ import annotations

import platform
import sys
from importlib import metadata

import torch

from benchmarks.gpu.journal import Journal
from benchmarks.gpu.scan_cases import GATES, TOLERANCE, Scan, ScanCase
from benchmarks.gpu.stage import Job, job
from benchmarks.gpu.timing import on_device

GIGA = 1e9


def main(arguments: list[str]) -> None:
    """Measure the ceilings of the machine, then forward and backward of every cell."""
    task = job(arguments, "benchmarks.gpu.smoke")
    journal = Journal(task.out / "smoke.jsonl")
    journal.add("machine", machine(task))
    wrong = [cell for cell in GATES if not _right(cell, task, journal)]
    if wrong:
        raise SystemExit(f"wrong on this machine: {', '.join(wrong)}")


def machine(task: Job) -> dict[str, object]:
    """Names, limits and two measured ceilings: bytes a second, and products in bf16."""
    known: dict[str, object] = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "triton": metadata.version("triton"),
        "device": "rehearsal on a CPU",
    }
    size = 64 if task.rehearse else 8192
    source = torch.randn(size, size, device=task.device)
    target, low = torch.empty_like(source), source.bfloat16()
    copied = on_device(lambda: target.copy_(source)).median / 1e6
    product = on_device(lambda: low @ low).median / 1e6
    known["copy_gb_per_s"] = round(2 * source.numel() * source.element_size() / copied / GIGA)
    known["bf16_tflop_per_s"] = round(2 * size**3 / product / 1e12, 3)
    if not task.rehearse:
        properties = torch.cuda.get_device_properties(0)
        known |= {
            "device": properties.name,
            "capability": f"{properties.major}.{properties.minor}",
            "multiprocessors": properties.multi_processor_count,
            "shared_memory_per_block": properties.shared_memory_per_block_optin,
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),
        }
    print(known, flush=True)
    return known


def _right(cell: str, task: Job, journal: Journal) -> bool:
    hidden, batch, steps = (16, 3, 2) if task.rehearse else (64, 33, 48)
    torch.manual_seed(0)
    case = ScanCase(cell, "backward", "bf16", hidden, batch, steps, resets=True)
    y, dz = Scan(case, task.device).errors()
    agrees = y <= TOLERANCE["bf16"][0] and dz <= TOLERANCE["bf16"][1]
    print(f"{cell}: error of outputs {y:.1e}, of gradients {dz:.1e}{'' if agrees else ' WRONG'}")
    journal.add(f"{cell}-bf16", {"error_y": y, "error_dz": dz, "agrees": agrees})
    return agrees


if __name__ == "__main__":
    main(sys.argv[1:])
