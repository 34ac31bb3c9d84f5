"""Ways to spoil a file: its bytes at random, or its values one by one under a right checksum."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from typing import Any

OUTSIDE = "/etc/passwd"
MODULE = "hostile_module:X-v0"
VALUES: list[Any] = [
    None, True, -1, 0, 99, 10**9, 10**30, -(10**30), 1.5, 1e308, -1e308, "", "x", "NaN", "clean",
    "mass@3", MODULE, "os:system", OUTSIDE, "../../secret", "a" * 100_000, "\x00", "{", "\ud7ff",
    [], [[]], {}, {"": []}, [None] * 3, ["x"], [1e308], {"name": "cfc"}, {"shift": "mass"},
]  # fmt: skip
_TOKENS = [
    b"\x00" * 8, b"\xff" * 8, b"[" * 5000, b"{", b"1e999", b"NaN", OUTSIDE.encode(),
    MODULE.encode(), b"cos\nsystem\n", b"\x80\x04", b"PK\x05\x06", b"!!python/object",
]  # fmt: skip


def spoil_bytes(content: bytes, draw: random.Random) -> bytes:
    """A few bytes flipped, cut, doubled, overwritten or put in."""
    spoilt = bytearray(content)
    for _ in range(draw.choice((1, 1, 1, 2, 8))):
        at = draw.randrange(len(spoilt) + 1)
        match draw.randrange(6):
            case 0 if at < len(spoilt):
                spoilt[at] ^= 1 << draw.randrange(8)
            case 1:
                del spoilt[at:]
            case 2:
                del spoilt[at : at + draw.randrange(1, 64)]
            case 3:
                spoilt[at:at] = spoilt[at : at + draw.randrange(1, 64)]
            case 4:
                token = draw.choice(_TOKENS)
                spoilt[at : at + len(token)] = token
            case _:
                spoilt[at:at] = draw.randbytes(draw.randrange(1, 16))
    return bytes(spoilt)


def spoil_values(values: Any, draw: random.Random) -> Any:
    """Plain values, a few of which are others, missing, or under another key."""
    spoilt = copy.deepcopy(values)
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        holders = list(_holders(spoilt))
        if not holders:
            return draw.choice(VALUES)
        holder = draw.choice(holders)
        key = draw.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
        match draw.randrange(5):
            case 0:
                del holder[key]
            case 1 if isinstance(holder, dict):
                holder[str(key) + "x"] = holder.pop(key)
            case 2 if isinstance(holder, list):
                holder.append(copy.deepcopy(draw.choice(VALUES)))
            case _:
                holder[key] = copy.deepcopy(draw.choice(VALUES))
    return spoilt


def _holders(value: Any) -> Any:
    """The dictionaries and lists in a value that hold anything, itself first."""
    if isinstance(value, dict | list) and value:
        yield value
        for item in value.values() if isinstance(value, dict) else value:
            yield from _holders(item)


def spoil_json(
    content: bytes, draw: random.Random, sealed: Callable[[dict[str, Any]], dict[str, Any]]
) -> bytes:
    """Values of a JSON object, whose checksum is then made right; or its bytes."""
    if draw.random() < 0.3:
        return spoil_bytes(content, draw)
    values = json.loads(content)
    values = spoil_values(values, draw)
    if isinstance(values, dict) and draw.random() < 0.9:
        values = sealed(values)
    return json.dumps(values).encode("utf-8", "replace")
