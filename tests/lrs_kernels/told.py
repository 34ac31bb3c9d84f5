"""Overhears what C is told."""

from __future__ import annotations

from typing import NamedTuple

from lrs_kernels.native.call import FIELDS, Functions


class Told(NamedTuple):
    """A call."""

    name: str
    """`forward` or `backward`."""
    fields: dict[str, int]
    """What it was told, as it began."""


def overhear(monkeypatch) -> list[Told]:
    """The calls of C that are made from now on."""
    heard: list[Told] = []

    def hear(name):
        original = getattr(Functions, name)

        def passing_on(self, told):
            heard.append(Told(name, dict(zip(FIELDS, told, strict=True))))
            original(self, told)

        monkeypatch.setattr(Functions, name, passing_on)

    hear("forward")
    hear("backward")
    return heard
