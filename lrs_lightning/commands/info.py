"""`info`: what is at hand on this machine, and which kernel would run."""

from __future__ import annotations

import os
import platform
import time

from lrs_lightning.commands import PROGRAM
from lrs_lightning.options.call import call


def main(verb: str, arguments: list[str]) -> int:
    """Run the verb; see `--help`."""
    return int(call(info, f"{PROGRAM} {verb}", arguments))


def info(*, self_test: bool = False) -> int:
    """Tell versions, device, kernels, experts and shifts at hand.

    Args:
        self_test: check the kernels that run here against the reference in float64; exit code 1 if
            one of them is wrong
    """
    if self_test:
        return _check_kernels()
    return _tell()


def _check_kernels() -> int:
    """Print one line per path, and whether all are right."""
    import torch

    from lrs_kernels.self_test import self_test

    began = time.perf_counter()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    findings = self_test(device)
    print(*findings, sep="\n")
    wrong = sum(not finding.right for finding in findings)
    told = f"{len(findings)} paths on {device} in {time.perf_counter() - began:.1f} s"
    print(f"{told}: {'all are right' if not wrong else f'{wrong} are wrong'}")
    return 1 if wrong else 0


def _waiting() -> str:
    """What OpenMP's threads do while they have no work."""
    policy = os.environ.get("OMP_WAIT_POLICY", "not set")
    does = {"PASSIVE": "they sleep", "ACTIVE": "they spin"}.get(policy.upper(), "OpenMP decides")
    return f"and while they wait {does} (OMP_WAIT_POLICY {policy})"


def _tell() -> int:
    import torch

    from lrs_kernels.dispatch import explain
    from lrs_lightning.experts import shipped_experts
    from lrs_lightning.options.shipped import shipped_configurations
    from lrs_lightning.shifts import shift_types
    from lrs_lightning.versions import PACKAGES, versions

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    found = versions()
    rows = {
        "lrs_lightning": found["lrs_lightning"],
        "python": f"{found['python']} on {platform.platform()}",
        "packages": ", ".join(f"{name} {found.get(name, 'absent')}" for name in PACKAGES),
        "cpu threads": f"{torch.get_num_threads()}, {_waiting()}",
        "gpu": gpu,
        "recurrence": explain().replace("\n", "; "),
        "configurations": ", ".join(shipped_configurations()),
        "experts": ", ".join(sorted(shipped_experts())),
        "shifts": ", ".join(sorted(shift_types())),
    }
    width = max(map(len, rows))
    print("\n".join(f"{name:<{width}}  {text}" for name, text in rows.items()))
    return 0
