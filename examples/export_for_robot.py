"""A policy as two files that need NumPy alone: weights, and a module of one page.

    python examples/export_for_robot.py runs/docking/.../version_0 robot

Before a file takes its name it runs beside the policy for 1,000 steps; `control_loop.py` uses it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from lrs_lightning.deployment import export_policy
from lrs_lightning.training import load_policy


def main(run: str, folder: str) -> Path:
    """Export the policy of a run folder; the file of weights."""
    trained = load_policy(run)
    exported = export_policy(trained.policy, trained.task, folder, "numpy")
    print(f"{exported.path}: off by at most {exported.agreement.difference:.1e}")
    return exported.path


if __name__ == "__main__":
    main(*sys.argv[1:3])
