"""Every activation is torch's of that name, far from zero and next to it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lrs_lightning.errors import DataError
from lrs_lightning.experts.activations import ACTIVATIONS, find_activation

CLASSES = {name.lower(): kind for name, kind in vars(torch.nn).items() if isinstance(kind, type)}
X = np.array([-800, -30, -3, -1, -0.5, -1e-3, 0, 1e-3, 0.5, 1, 3, 30, 800], np.float32)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_it_is_torchs(name: str) -> None:
    with np.errstate(over="raise", invalid="raise"):
        found = find_activation(name)(X)
    assert found.dtype == np.float32
    expected = CLASSES[name]()(torch.from_numpy(X)).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


def test_others_are_named() -> None:
    with pytest.raises(DataError, match="the activation is 'gelu', and only elu, identity, leaky"):
        find_activation("gelu")
