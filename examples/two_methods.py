"""Two methods over five training seeds: which holds up better, and how sure is that?

    python examples/two_methods.py

An interval over the episodes of one run says nothing of the method: another seed is another policy.
Here each method is trained five times, and the intervals are over those.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml

from lrs_lightning.cli import main as lrs
from lrs_lightning.statistics import Summary


def main(
    folder: str = "runs/two_methods", seeds: int = 5, steps: int = 1000, episodes: int = 20
) -> Summary:
    """Train every seed of both methods side by side, then judge all on the same episodes."""
    here = Path(__file__).parent
    sys.path.insert(0, str(here))
    sweep: dict[str, Any] = {
        "fit": {
            "data": {
                "env": "own_environment:Docking",
                "expert": "own_environment:pilot",
                "episodes": episodes,
                "batches": min(steps, 500),
            },
            "trainer": {"max_steps": steps},
            "evaluation": {"every_n_epochs": 0, "suite": "smoke", "episodes": episodes},
        },
        # Both have 16 units; one has recurrent weights of rank 2, half of them zero.
        "arms": [
            {"name": "low rank and sparse", "hidden_size": 16, "rank": 2, "sparsity": 0.5},
            {"name": "dense", "hidden_size": 16, "control": "Dense"},
        ],
        "seeds": {"seed": list(range(seeds))},
    }
    declared = Path(folder) / "sweep.yaml"
    declared.parent.mkdir(parents=True, exist_ok=True)
    declared.write_text(yaml.safe_dump(sweep))
    lrs(f"sweep --config {declared} --out {folder}/trained".split())
    # Runs of one configuration are seeds of one method, unless `--group NAME=RUN RUN` says who is.
    runs, groups = [], ["--group"]
    for arm in sweep["arms"]:
        own = sorted(map(str, Path(folder).glob(f"trained/**/members/arm-{arm['name']},*")))
        runs += own
        groups += [f"{arm['name']}={own[0]}", *own[1:]]
    where = f"--episodes {episodes} --out {folder}/judged".split()
    lrs(["evaluate", "--policy", *runs, "--suite", "smoke", *groups, *where, "--quiet"])
    return Summary.read(f"{folder}/judged")


if __name__ == "__main__":
    main()
