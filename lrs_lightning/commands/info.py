"""`info`: what is at hand on this machine, and which kernel would run."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from lrs_lightning.commands._parser import Parser

_PACKAGES = ("torch", "triton", "lightning", "gymnasium", "mujoco", "ale-py", "numpy")


def main(arguments: list[str]) -> int:
    """Run the verb; see `--help`."""
    Parser("info", "Versions, device, kernels, experts and shifts at hand.").parse_args(arguments)

    import torch

    from lrs_kernels.dispatch import explain
    from lrs_lightning import __version__
    from lrs_lightning.experts import shipped_experts
    from lrs_lightning.shifts import shift_types

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    rows = {
        "lrs_lightning": __version__,
        "python": f"{platform.python_version()} on {platform.platform()}",
        "packages": ", ".join(f"{package} {_version(package)}" for package in _PACKAGES),
        "cpu threads": str(torch.get_num_threads()),
        "gpu": gpu,
        "recurrence": explain().replace("\n", "; "),
        "experts": ", ".join(sorted(shipped_experts())),
        "shifts": ", ".join(sorted(shift_types())),
    }
    width = max(map(len, rows))
    print("\n".join(f"{name:<{width}}  {text}" for name, text in rows.items()))
    return 0


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"
