"""How an environment that fails says so without stopping its neighbours."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np


def describe_failure(error: BaseException) -> str:
    """The kind and text of an exception, on one line; without a text, where it was raised."""
    text = " ".join(str(error).split())
    if not text and error.__traceback__ is not None:
        last = traceback.extract_tb(error.__traceback__)[-1]
        text = f"in {Path(last.filename).name}, line {last.lineno} ({last.name})"
    return f"{type(error).__name__}: {text}"


def failure_info(errors: Mapping[int, str], num_envs: int) -> dict[str, Any]:
    """Gymnasium's form for what only some environments report: values, and a mask of them."""
    if not errors:
        return {}
    sentences, mask = np.full(num_envs, None, object), np.zeros(num_envs, bool)
    for row, sentence in errors.items():
        sentences[row], mask[row] = sentence, True
    return {"error": sentences, "_error": mask}
