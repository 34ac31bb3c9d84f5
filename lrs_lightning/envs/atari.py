"""Many Atari games side by side, for evaluation and demonstrations.

Observations are `(N, S, 84, 84)` uint8, S frames with the newest last; frames older than the
episode are zero. Rewards are those of the game, never clipped. An episode that has ended rests
until it is reset.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from lrs_lightning.envs.atari_flavour import Flavour, default_flavour
from lrs_lightning.envs.atari_games import Frames, Game, Outcome, Preprocessing, make_game
from lrs_lightning.envs.atari_names import action_names
from lrs_lightning.envs.atari_resize import SIZE
from lrs_lightning.envs.contract import Flags
from lrs_lightning.envs.failures import describe_failure, failure_info
from lrs_lightning.envs.seeds import Seeds, spread_seeds
from lrs_lightning.errors import ArgumentError, did_you_mean


class AtariGames(VectorEnv[Frames, NDArray[np.int64], Any]):
    """Vector environment of one game without autoreset.

    Args:
        game: `Seaquest`, `ALE/Seaquest-v5` or `seaquest`.
        num_envs: number of games N.
        models: the flavour of each; the default one where absent.
        threads: for seeding games anew (a tenth of a second each); no result depends on it.
        how: sticky actions, stacked frames and the like, as keyword arguments of `Preprocessing`.

    Raises:
        UnknownNameError: no such game.
        ArgumentError: not one flavour for each game, or a value out of range.
    """

    metadata = {"autoreset_mode": AutoresetMode.DISABLED}  # noqa: RUF012

    def __init__(
        self,
        game: str,
        num_envs: int,
        models: Sequence[Flavour] | None = None,
        threads: int | None = None,
        **how: Any,
    ) -> None:
        self.base_model = default_flavour(game)
        self.preprocessing = preprocessing_of(game, how)
        if models is not None and len(models) != num_envs:
            raise ArgumentError(
                f"models: {len(models)} flavours for {num_envs} games: give each its own"
            )
        self.num_envs = num_envs
        self.single_observation_space, self.single_action_space = spaces(
            self.base_model.game, self.preprocessing.stack
        )
        self._actions = int(self.single_action_space.n)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._models = list(models) if models is not None else [self.base_model] * num_envs
        self._games: list[Game | None] = [None] * num_envs
        self._helpers = ThreadPoolExecutor(threads, thread_name_prefix="atari")
        self._observations = np.zeros(self.observation_space.shape or (), np.uint8)
        self._resting = np.ones(num_envs, bool)
        self._lives = np.zeros(num_envs, np.int64)
        names = action_names(self.base_model.game)
        fires = self.preprocessing.fire_lives and "FIRE" in names
        self._fire = names.index("FIRE") if fires else None

    def set_models(self, models: Mapping[int, Flavour]) -> None:
        """Give rows another flavour, from their next episode on.

        Raises:
            ArgumentError: a row is in the middle of an episode: a game cannot change while it runs.
        """
        for row, flavour in models.items():
            if flavour == self._models[row]:
                continue
            if not self._resting[row]:
                raise ArgumentError(
                    f"game {row} is running: modes and difficulties change between episodes only, "
                    "so leave out any onset, ramp or alternation of theirs"
                )
            self._models[row] = flavour
            self._drop(row)

    def reset(
        self, *, seed: Seeds = None, options: Mapping[str, Any] | None = None
    ) -> tuple[Frames, dict[str, Any]]:
        """Start episodes.

        Args:
            seed: one for each game, or an integer: game i then has `seed + i`. The same seed starts
                the same episode as `ale_py`'s vector environment.
            options: `reset_mask (N,)` chooses games (all, where absent); `models` maps rows to the
                flavour they have from now on.

        Returns:
            Observations `(N, S, 84, 84)` of all games, and what failed.
        """
        options = options or {}
        mask = np.asarray(options.get("reset_mask", np.ones(self.num_envs, bool)))
        self._resting |= mask
        self.set_models(options.get("models") or {})
        seeds, errors = spread_seeds(seed, self.num_envs), {}
        rows = np.flatnonzero(mask).tolist()
        started = {row: self._helpers.submit(self._start, row, seeds[row]) for row in rows}
        for row, frames in started.items():
            try:
                self._observations[row], self._resting[row] = frames.result(), False
            except Exception as error:  # one game's fault is not the others'
                errors[row], self._resting[row] = describe_failure(error), True
        return self._observations.copy(), failure_info(errors, self.num_envs)

    def step(
        self, actions: NDArray[np.integer[Any]]
    ) -> tuple[Frames, NDArray[np.float64], Flags, Flags, dict[str, Any]]:
        """One decision in all games that do not rest, with actions `(N,)`."""
        actions = np.asarray(actions)
        if actions.shape != (self.num_envs,) or actions.dtype.kind not in "iu":
            raise ArgumentError(
                f"actions: expected {self.num_envs} integers, got shape {actions.shape} of "
                f"{actions.dtype}"
            )
        rewards = np.zeros(self.num_envs)
        terminated, truncated = np.zeros(self.num_envs, bool), np.zeros(self.num_envs, bool)
        playing, errors = self._send(actions)
        for row, game in playing.items():
            try:
                outcome = self._receive(row, game)
            except Exception as error:
                errors[row] = describe_failure(error)
                continue
            self._observations[row], rewards[row] = outcome.frames, outcome.reward
            terminated[row], truncated[row] = outcome.terminated, outcome.truncated
        terminated[list(errors)] = True
        self._resting |= terminated | truncated
        infos = {"lives": self._lives.copy(), **failure_info(errors, self.num_envs)}
        return self._observations.copy(), rewards, terminated, truncated, infos

    def close_extras(self, **kwargs: Any) -> None:
        """Let go of all emulators."""
        for row in range(self.num_envs):
            self._drop(row)
        self._helpers.shutdown()

    def _send(self, actions: NDArray[Any]) -> tuple[dict[int, Game], dict[int, str]]:
        """Begin a decision in every game, so that they are emulated side by side."""
        playing, errors = {}, {}
        count = self._actions
        for row in np.flatnonzero(~self._resting).tolist():
            game, action = self._games[row], int(actions[row])
            if game is None or not 0 <= action < count:
                errors[row] = f"action {action} is none of the {count} actions of the game"
                continue
            game.send(action)
            playing[row] = game
        return playing, errors

    def _receive(self, row: int, game: Game) -> Outcome:
        """End a decision; after a lost life also press fire, where that is asked for."""
        outcome = game.receive()
        lost = outcome.lives < self._lives[row]
        if self._fire is not None and lost and not (outcome.terminated or outcome.truncated):
            game.send(self._fire)
            after = game.receive()
            outcome = after._replace(reward=outcome.reward + after.reward)
        self._lives[row] = outcome.lives
        return outcome

    def _start(self, row: int, seed: int | None) -> Frames:
        game = self._games[row] or make_game(self._models[row], self.preprocessing)
        self._games[row], self._lives[row] = game, 0
        return game.reset(seed)

    def _drop(self, row: int) -> None:
        game, self._games[row] = self._games[row], None
        self._resting[row] = True
        if game is not None:
            game.close()


def spaces(game: str, stack: int = 4) -> tuple[gym.spaces.Box, gym.spaces.Discrete]:
    """Observation and action space of a game, before one is built."""
    box = gym.spaces.Box(0, 255, (stack, SIZE, SIZE), np.uint8)
    return box, gym.spaces.Discrete(len(action_names(game)))


def preprocessing_of(game: str, how: Mapping[str, Any]) -> Preprocessing:
    """How a game is played and seen, from keyword arguments.

    Raises:
        ArgumentError: an unknown argument, or a value out of range.
    """
    if "wrappers" in how:
        raise ArgumentError(
            f"{game}: a game takes no wrappers, its frames are made by the emulator: choose among "
            f"the arguments {_options()}"
        )
    try:
        return Preprocessing(**how)
    except TypeError as error:
        names = list(Preprocessing.__dataclass_fields__)
        wrong = next((name for name in how if name not in names), None)
        if wrong is None:
            raise ArgumentError(f"{game}: {error}; choose among {_options()}") from error
        hint = did_you_mean(wrong, names).rstrip(".")
        raise ArgumentError(
            f"{game} has no argument {wrong!r}{hint}; choose among {_options()}"
        ) from error


def _options() -> str:
    return ", ".join(Preprocessing.__dataclass_fields__)
