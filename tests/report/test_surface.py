"""What can be called from outside, and what is taken where an argument is left out."""

from __future__ import annotations

import lrs_lightning.report as room
from tests.approved import surface
from tests.report.approved import check


def test_arguments_and_defaults_are_the_approved_ones() -> None:
    check("surface.txt", "\n".join(surface(room)) + "\n")
