"""One game at a time: ALE's own preprocessing in C++, or the same in Python for other flavours.

Both give the same frames, rewards and ends for the same seed, to the last bit; the second is the
reference of the first, and the only one that knows modes and difficulties.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from lrs_lightning.envs.atari_flavour import Flavour
from lrs_lightning.envs.atari_names import rom_path
from lrs_lightning.envs.atari_resize import SIZE, shrink
from lrs_lightning.errors import ArgumentError

Frames = NDArray[np.uint8]


@dataclass(frozen=True)
class Preprocessing:
    """How a game is played and seen. Rewards are never clipped."""

    sticky: float = 0.0
    """Probability, for each frame, that the game repeats the action of the frame before."""
    stack: int = 4
    """Frames in an observation; with 4 a game is nearly Markov, with 1 it must be remembered."""
    noop_max: int = 30
    """An episode begins after fewer than so many idle frames, drawn by its seed."""
    max_frames: int = 18_000
    """Emulated frames after which an episode is cut: five minutes, as in Mnih et al. (2015)."""
    fire_reset: bool = True
    """Whether fire is pressed once at the start, where the game has it."""
    fire_lives: bool = False
    """Whether fire is pressed after each lost life too, one decision that the player does not see:
    the wrappers of Baselines and RLlib do so, and a clone of what they recorded never learnt to."""
    frame_skip: int = 4
    """Emulated frames for each decision."""

    def __post_init__(self) -> None:
        if not 0 <= self.sticky < 1:
            raise ArgumentError(f"sticky is {self.sticky}, expected a probability below 1")
        for name, least in (("stack", 1), ("noop_max", 0), ("max_frames", 1), ("frame_skip", 1)):
            if getattr(self, name) < least:
                raise ArgumentError(f"{name} is {getattr(self, name)}, expected at least {least}")


class Outcome(NamedTuple):
    """What a decision led to; `frames (S, 84, 84)` with the newest last."""

    frames: Frames
    reward: float
    terminated: bool
    truncated: bool
    lives: int


class Game(Protocol):
    """One game that rests between `send` and the next."""

    def reset(self, seed: int | None) -> Frames:
        """Start an episode; its frames `(S, 84, 84)`."""

    def send(self, action: int) -> None:
        """Begin a decision."""

    def receive(self) -> Outcome:
        """End it."""

    def close(self) -> None:
        """Let go of the emulator."""


class FastGame:
    """`ale_py`'s vector environment with a single game, on a thread of its own.

    A game for each row, rather than a vector environment for all, so that a game that has ended can
    rest and be seeded anew without the rest: no step after the end, no episode that was not asked
    for.
    """

    def __init__(self, flavour: Flavour, how: Preprocessing) -> None:
        from ale_py.vector_env import AtariVectorEnv

        self._env: Any = AtariVectorEnv(
            flavour.game,
            1,
            num_threads=1,
            reward_clipping=False,
            repeat_action_probability=how.sticky,
            stack_num=how.stack,
            noop_max=how.noop_max,
            max_num_frames_per_episode=how.max_frames,
            use_fire_reset=how.fire_reset,
            frameskip=how.frame_skip,
        )

    def reset(self, seed: int | None) -> Frames:
        """See `Game`."""
        observations, _ = self._env.reset(seed=None if seed is None else np.array([seed]))
        frames: Frames = observations[0].copy()
        return frames

    def send(self, action: int) -> None:
        """See `Game`."""
        self._env.send(np.array([action]))

    def receive(self) -> Outcome:
        """See `Game`."""
        frames, rewards, terminated, truncated, infos = self._env.recv()
        ends = bool(terminated[0]), bool(truncated[0])
        return Outcome(frames[0], float(rewards[0]), *ends, int(infos["lives"][0]))

    def close(self) -> None:
        """See `Game`."""
        self._env.close()


class FlavouredGame:
    """A game in any mode and difficulty, emulated in the calling thread when it is received.

    The emulator keeps the interpreter lock, so that games of this kind do not run side by side; one
    core plays about 2,200 decisions a second.
    """

    def __init__(self, flavour: Flavour, how: Preprocessing) -> None:
        from ale_py import ALEInterface, LoggerMode

        ALEInterface.setLoggerMode(LoggerMode.Error)
        self._flavour, self._how = flavour, how
        self._rom = rom_path(flavour.game)
        self._ale: Any = ALEInterface()
        self._ale.setFloat("repeat_action_probability", how.sticky)
        self._load()
        self._actions = list(self._ale.getMinimalActionSet())
        self._fire = next((a for a in self._actions if a.name == "FIRE"), None)
        if not how.fire_reset:
            self._fire = None
        self._screens = np.zeros((2, *self._ale.getScreenDims()), np.uint8)
        self._stack = np.zeros((how.stack, SIZE, SIZE), np.uint8)
        self._rng = np.random.RandomState()
        self._action = self._elapsed = 0

    def reset(self, seed: int | None) -> Frames:
        """See `Game`."""
        if seed is not None:
            self._ale.setInt("random_seed", seed)
            self._rng = np.random.RandomState(seed)
            self._load()
        self._ale.reset_game()
        if self._fire is not None:
            self._ale.act(self._fire)
        for _ in range(self._idle_frames() - (self._fire is not None)):
            self._ale.act(0)
            if self._ale.game_over():
                self._ale.reset_game()
        self._stack[:], self._screens[1] = 0, 0
        self._ale.getScreenGrayscale(self._screens[0])
        self._elapsed = 0
        return self._see()

    def send(self, action: int) -> None:
        """See `Game`."""
        if not 0 <= action < len(self._actions):
            raise ArgumentError(f"action {action}: the game has {len(self._actions)} actions")
        self._action = action

    def receive(self) -> Outcome:
        """See `Game`."""
        action, reward, over = self._actions[self._action], 0.0, False
        for left in range(self._how.frame_skip, 0, -1):
            reward += self._ale.act(action)
            self._elapsed += 1
            over = self._ale.game_over()
            if over or self._elapsed >= self._how.max_frames:
                break
            if left <= 2:  # flicker: sprites may be drawn on every other frame only
                self._ale.getScreenGrayscale(self._screens[left - 1])
        truncated = self._elapsed >= self._how.max_frames and not over
        return Outcome(self._see(), reward, over, truncated, self._ale.lives())

    def close(self) -> None:
        """See `Game`."""

    def _load(self) -> None:
        self._ale.loadROM(self._rom)
        # The seed takes effect when a game is loaded; so do mode and difficulty when it is reset.
        if not self._flavour.is_default:
            self._ale.setMode(self._flavour.mode)
            self._ale.setDifficulty(self._flavour.difficulty)

    def _idle_frames(self) -> int:
        """The draw of C++: a Mersenne Twister's 32 bits, multiplied into the range."""
        bits = int(self._rng.randint(0, 2**32, dtype=np.uint32))
        return bits * max(self._how.noop_max, 1) >> 32

    def _see(self) -> Frames:
        np.maximum(self._screens[0], self._screens[1], out=self._screens[0])
        self._stack[:-1] = self._stack[1:]
        self._stack[-1] = shrink(self._screens[0])
        return self._stack.copy()


def make_game(flavour: Flavour, how: Preprocessing) -> Game:
    """The fast game, or the one that knows flavours where it must be."""
    return (FastGame if flavour.is_default else FlavouredGame)(flavour, how)
