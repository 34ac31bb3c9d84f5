"""How an environment that fails says so without stopping its neighbours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def describe_failure(error: BaseException) -> str:
    """The kind and text of an exception, on one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def failure_info(errors: Mapping[int, str], num_envs: int) -> dict[str, Any]:
    """Gymnasium's form for what only some environments report: values, and a mask of them."""
    if not errors:
        return {}
    sentences, mask = np.full(num_envs, None, object), np.zeros(num_envs, bool)
    for row, sentence in errors.items():
        sentences[row], mask[row] = sentence, True
    return {"error": sentences, "_error": mask}
