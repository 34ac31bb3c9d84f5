"""Random numbers that are a function of (seed, shift, severity, episode, step) alone.

Philox is a counter-based generator: any stretch of its sequence is reached at once. An episode's
key is a hash of its names, its steps are the counter; so no result depends on which environments
play side by side, on threads, or on where an evaluation was interrupted.

Letters: N slots in which episodes are played, n of them asked for at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Kind = Literal["normal", "uniform"]
Rows = NDArray[np.int64]

_BLOCK_NUMBERS = 2048  # drawn at once: enough to make the cost of a generator vanish
_EPISODE = 1  # marks numbers that last an episode
_CODES: dict[Kind, int] = {"normal": 0, "uniform": 2}


def episode_key(*names: object) -> tuple[int, int]:
    """128 bits that belong to these names alone."""
    digest = blake2b("|".join(map(str, names)).encode(), digest_size=16).digest()
    return int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little")


class Draws:
    """Random numbers of one shift for the episodes of N slots.

    Args:
        rows: number of slots N.
        dtype: float32 for frames, float64 for everything else.
    """

    def __init__(self, rows: int, dtype: type[np.floating[Any]] = np.float64) -> None:
        self._dtype: Any = dtype
        self._keys: list[tuple[int, int]] = [(0, 0)] * rows
        self._blocks: dict[tuple[Any, ...], tuple[NDArray[Any], Rows]] = {}

    def begin(self, rows: Rows, keys: Iterable[tuple[int, int]]) -> None:
        """Slots `rows (n,)` start the episodes with these keys."""
        for row, key in zip(rows.tolist(), keys, strict=True):
            self._keys[row] = key
        for _, held in self._blocks.values():
            held[rows] = -1

    def per_step(
        self, kind: Kind, rows: Rows, times: Rows, shape: tuple[int, ...], stream: int
    ) -> NDArray[Any]:
        """Numbers `(n, *shape)` of slots `rows (n,)` at their steps `times (n,)`."""
        length = max(1, _BLOCK_NUMBERS // max(1, int(np.prod(shape))))
        if length == 1:
            pairs = zip(rows.tolist(), times.tolist(), strict=True)
            drawn = [self._draw(kind, row, t, shape, 4 * stream) for row, t in pairs]
            return np.stack(drawn)
        name = (kind, shape, stream)
        if name not in self._blocks:
            blocks = np.empty((len(self._keys), length, *shape), self._dtype)
            self._blocks[name] = blocks, np.full(len(self._keys), -1)
        values, held = self._blocks[name]
        wanted = times // length
        for k in np.flatnonzero(held[rows] != wanted).tolist():
            row, block = int(rows[k]), int(wanted[k])
            values[row] = self._draw(kind, row, block, (length, *shape), 4 * stream)
            held[row] = block
        return values[rows, times % length]

    def per_episode(
        self, kind: Kind, rows: Rows, shape: tuple[int, ...], stream: int
    ) -> NDArray[Any]:
        """Numbers `(n, *shape)` that last the episode of slots `rows (n,)`."""
        code = 4 * stream + _EPISODE
        return np.stack([self._draw(kind, row, 0, shape, code) for row in rows.tolist()])

    def _draw(
        self, kind: Kind, row: int, block: int, shape: tuple[int, ...], code: int
    ) -> NDArray[Any]:
        counter = np.array([0, 0, block, code + _CODES[kind]], np.uint64)
        bits = np.random.Philox(key=np.array(self._keys[row], np.uint64), counter=counter)
        generator = np.random.Generator(bits)
        draw = generator.standard_normal if kind == "normal" else generator.random
        return draw(shape, dtype=self._dtype)
