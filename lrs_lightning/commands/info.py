"""`info`: what is at hand on this machine, and which kernel would run."""

from __future__ import annotations

import platform

from lrs_lightning.commands import PROGRAM
from lrs_lightning.options.call import call


def main(verb: str, arguments: list[str]) -> int:
    """Run the verb; see `--help`."""
    return int(call(info, f"{PROGRAM} {verb}", arguments))


def info() -> int:
    """Tell versions, device, kernels, experts and shifts at hand."""
    import torch

    from lrs_kernels.dispatch import explain
    from lrs_lightning.experts import shipped_experts
    from lrs_lightning.shifts import shift_types
    from lrs_lightning.versions import PACKAGES, versions

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    found = versions()
    rows = {
        "lrs_lightning": found["lrs_lightning"],
        "python": f"{found['python']} on {platform.platform()}",
        "packages": ", ".join(f"{name} {found.get(name, 'absent')}" for name in PACKAGES),
        "cpu threads": str(torch.get_num_threads()),
        "gpu": gpu,
        "recurrence": explain().replace("\n", "; "),
        "experts": ", ".join(sorted(shipped_experts())),
        "shifts": ", ".join(sorted(shift_types())),
    }
    width = max(map(len, rows))
    print("\n".join(f"{name:<{width}}  {text}" for name, text in rows.items()))
    return 0
