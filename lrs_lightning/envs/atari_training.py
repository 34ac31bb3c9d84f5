"""Many games for training an expert: raw rewards, episodes that follow one another, lives in sight.

A lost life ends the return but not the game: the player must fire by himself, as in evaluation.
(ALE's `episodic_life` would press fire for him, and a greedy player would then wait for ever in a
real game.)
"""

from __future__ import annotations

from typing import Any

import numpy as np
from ale_py.vector_env import AtariVectorEnv
from numpy.typing import NDArray

from lrs_lightning.envs.atari_names import rom_name


class TrainingGames:
    """N games with autoreset in the same step.

    Args:
        game: as in `rom_name`.
        num_envs: N.
        sticky: probability of repeating the previous action.
        threads: of the emulators; 0 leaves it to ALE.
    """

    def __init__(self, game: str, num_envs: int, sticky: float = 0.0, threads: int = 1) -> None:
        self._env: Any = AtariVectorEnv(
            rom_name(game),
            num_envs,
            num_threads=threads,
            repeat_action_probability=sticky,
            reward_clipping=False,
            autoreset_mode="SameStep",
        )
        self.num_actions = int(self._env.single_action_space.n)
        self._lives = np.zeros(num_envs, np.int32)

    def reset(self, seed: int) -> NDArray[np.uint8]:
        """First observations `(N, 4, 84, 84)`; game i is seeded with `seed + i`."""
        observations, infos = self._env.reset(seed=seed)
        self._lives = infos["lives"].copy()
        return np.array(observations)

    def step(
        self, actions: NDArray[np.int64]
    ) -> tuple[NDArray[np.uint8], NDArray[np.int32], NDArray[np.bool_], NDArray[np.bool_]]:
        """Play one decision.

        Returns:
            Observations `(N, 4, 84, 84)` (of the new episode where one began), unclipped rewards
            `(N,)`, lives lost or episodes over `(N,)`, episodes over `(N,)`.
        """
        observations, rewards, terminated, truncated, infos = self._env.step(actions)
        over = terminated | truncated
        lost = over | (infos["lives"] < self._lives)
        self._lives = infos["lives"].copy()
        return observations, rewards, lost, over

    def close(self) -> None:
        """Stop the emulators."""
        self._env.close()
