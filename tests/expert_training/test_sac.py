from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import save_file

from lrs_lightning.errors import DataError
from lrs_lightning.expert_training.sac import actor_layers
from lrs_lightning.experts import load_expert


def actor(outputs=6):
    rng = np.random.default_rng(0)
    sizes = [(17, 8), (8, 8), (8, outputs), (8, outputs)]
    return {
        f"Dense_{i}": {"kernel": rng.standard_normal(s), "bias": rng.standard_normal(s[1])}
        for i, s in enumerate(sizes)
    }


@pytest.mark.parametrize("nested", [False, True])
def test_the_actor_of_jax_acts_the_same_here(tmp_path, nested):
    params = actor()
    save_file(actor_layers({"params": params} if nested else params), tmp_path / "a.safetensors")
    x = np.random.default_rng(1).standard_normal((5, 17))
    hidden = x
    for i in range(2):
        hidden = np.maximum(
            hidden @ params[f"Dense_{i}"]["kernel"] + params[f"Dense_{i}"]["bias"], 0
        )
    expected = np.tanh(hidden @ params["Dense_2"]["kernel"] + params["Dense_2"]["bias"])
    actions, _ = load_expert(tmp_path / "a.safetensors", "HalfCheetah-v5").step(x)
    np.testing.assert_allclose(actions, expected, atol=1e-5)


def test_another_network_is_told():
    with pytest.raises(DataError, match="no layer 'Dense_2'"):
        actor_layers({f"Dense_{i}": {} for i in range(2)})
