"""Kernels run in Triton's interpreter here; with a GPU or without Triton these tests skip."""

from __future__ import annotations

import pytest

pytest.importorskip("triton")
