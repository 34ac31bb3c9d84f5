"""An environment of your own: demonstrations, training, shifted worlds. Nothing is registered.

    python examples/own_environment.py

`module:Class` names an environment, `module:function` an expert; both are found beside the script.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from lrs_lightning.cli import main as lrs

Array = NDArray[Any]


class Docking(gym.Env[Array, Array]):
    """A craft in the plane that is to come to rest at the origin; gravity pulls to the side."""

    def __init__(self, pull: float = 0.1, limit: int = 100) -> None:
        self.pull, self.limit = pull, limit  # public numbers: dynamics shifts can edit them
        self.observation_space = gym.spaces.Box(-np.inf, np.inf, (4,), np.float32)
        self.action_space = gym.spaces.Box(-1, 1, (2,), np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Array, dict[str, Any]]:
        """Somewhere, at rest."""
        super().reset(seed=seed)
        self.place, self.speed = self.np_random.uniform(-2, 2, 2), np.zeros(2)
        self.steps = 0
        return self._seen(), {}

    def step(self, action: Array) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        """A tenth of a second of thrust; `is_success` becomes the success rate."""
        self.speed = 0.98 * self.speed + 0.1 * (action + np.array([self.pull, 0]))
        self.place = self.place + 0.1 * self.speed
        self.steps += 1
        away = float(np.linalg.norm(self.place))
        info = {"is_success": away < 0.1}
        return self._seen(), -away, False, self.steps >= self.limit, info

    def _seen(self) -> Array:
        return np.concatenate([self.place, self.speed]).astype(np.float32)


def pilot(seen: Array) -> Array:
    """The expert: observations `(N, 4)` to thrusts `(N, 2)`."""
    return np.clip(-2.0 * seen[:, :2] - 2.5 * seen[:, 2:] - np.array([0.1, 0]), -1, 1).astype(
        np.float32
    )


def main(folder: str = "runs/docking", episodes: int = 20, steps: int = 1500) -> Path:
    """Collect, train, test; the run folder."""
    sys.path.insert(0, str(Path(__file__).parent))
    few = min(episodes, 20)
    lrs(
        shlex.split(
            "collect --env own_environment:Docking --env-kwargs '{pull: 0.1}' --quiet "
            f"--expert own_environment:pilot --episodes {episodes} --out {folder}/demonstrations"
        )
    )
    lrs(
        shlex.split(
            f"fit --data.path {folder}/demonstrations --trainer.logger.save_dir {folder} --quiet "
            f"--trainer.max_steps {steps} --data.batches {min(steps, 500)} "
            f"--evaluation.suite smoke --evaluation.episodes {few}"
        )
    )
    run = next(Path(folder).glob("own_environment.Docking*/version_0"))
    # The run knows its environment; here one of its arguments is changed.
    lrs(
        shlex.split(
            f"evaluate --policy '{run}' --env-kwargs '{{pull: 0.3}}' --suite smoke "
            f"--episodes {few} --out {folder}/stronger_pull --quiet"
        )
    )
    return run


if __name__ == "__main__":
    main()
