"""Weights for NumPy: equal to the policy over a thousand steps, whatever it is made of."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lrs_lightning.deployment import export_policy
from lrs_lightning.deployment.numpy_policy import NO_ACTION, Policy
from lrs_lightning.deployment.plain import PlainVector
from lrs_lightning.errors import ArgumentError
from lrs_lightning.nn import encoders
from tests.deployment.policies import BOX, CHANNELS, CORES, DISCRETE, FRAMES, OPEN, UNIT, policy


@pytest.mark.parametrize("core", CORES)
def test_every_core(core, tmp_path):
    assert export_policy(policy(core), BOX, tmp_path, "numpy").agreement.difference < 2e-6


@pytest.mark.parametrize("core", [name for name in CORES if name.startswith("cfc")])
def test_elapsed_times(core, tmp_path):
    found = export_policy(policy(core), BOX, tmp_path, "numpy", dt=True)
    assert found.agreement.difference < 2e-6 and "dt" in found.interface.inputs


@pytest.mark.parametrize("task", [UNIT, OPEN, DISCRETE], ids=["unit", "open", "discrete"])
def test_every_kind_of_action(task, tmp_path):
    assert export_policy(policy("gru", task), task, tmp_path, "numpy").agreement.difference < 2e-6


@pytest.mark.parametrize(
    "encoder",
    [
        {"name": "small", "features": 12, "channels": [2]},
        pytest.param({"name": "nature", "features": 12}, marks=pytest.mark.long),
        pytest.param({"name": "ncps", "features": 12}, marks=pytest.mark.long),
        pytest.param({"name": "ncps", "features": 256}, marks=pytest.mark.long),
        pytest.param({"name": "impala", "features": 12}, marks=pytest.mark.long),
    ],
    ids=["small", "nature", "ncps", "ncps-256", "impala"],
)
def test_every_encoder_of_pictures(encoder, tmp_path, monkeypatch):
    monkeypatch.setattr("lrs_lightning.deployment.parity.STEPS", 10)  # a picture takes long
    made = policy({"name": "gru", "hidden_size": 8}, FRAMES, encoder)
    for part in made.modules():
        if isinstance(part, torch.nn.BatchNorm2d):  # else it would change nothing
            part.running_mean.uniform_(-0.1, 0.1)
            part.running_var.uniform_(0.5, 2)
    found = export_policy(made, FRAMES, tmp_path, "numpy").agreement
    assert found.difference < 2e-6 and found.steps == 10


@torch.no_grad()
def test_means_are_in_the_bias_only_where_that_costs_no_digits(tmp_path):
    made = policy("cfc", BOX)
    assert PlainVector.of(made.encoder).mean is not None  # up to thousands of deviations
    made.encoder.set_statistics(np.linspace(-0.9, 0.9, CHANNELS), np.linspace(1, 3, CHANNELS))
    plain = PlainVector.of(made.encoder)
    assert plain.mean is None
    seen = torch.from_numpy(np.random.default_rng(0).normal(size=(50, CHANNELS)))
    dense = made.encoder.dense
    inner = (seen - made.encoder.mean.double()) / made.encoder.std.double()
    exact = inner @ dense.weight.double().T + dense.bias.double()
    folded = seen.float() @ plain.weight.T + plain.bias
    assert float((folded - exact).abs().max()) < 1e-6
    export_policy(made, BOX, tmp_path, "numpy")
    with np.load(tmp_path / "policy.npz") as file:
        assert "see.mean" not in file


def test_channels_that_are_not_seen_may_be_anything(tmp_path):
    made = policy("cfc", BOX, {"name": "mlp", "channels": [1, 4], "features": 8})
    export_policy(made, BOX, tmp_path, "numpy")
    run, seen = Policy(tmp_path / "policy.npz"), np.full(CHANNELS, np.nan)
    seen[[1, 4]] = 12.0, 41.0
    assert np.isfinite(run(seen)).all()


@pytest.mark.parametrize("core", ["lstm-pruned", "stack", "mlp", "cfc"])
def test_a_call_a_step_and_a_batch_are_the_same(core, tmp_path):
    export_policy(policy(core), BOX, tmp_path, "numpy")
    path, draw = tmp_path / "policy.npz", np.random.default_rng(0)
    one, pure, batch = Policy(path), Policy(path), Policy(path, batch=3)
    state = pure.initial_state()
    for step in range(30):
        seen = draw.normal(size=(3, CHANNELS)).astype(np.float32)
        reset = np.array([step % 7 == 0, step % 5 == 0, False])
        called = one(seen[0], reset=reset[0])
        # Whatever another row has left behind, a step depends on its arguments alone.
        pure.step(seen[1], tuple(part + 1 for part in state))
        stepped, state = pure.step(seen[0], state, reset=reset[0])
        np.testing.assert_array_equal(called, stepped)
        np.testing.assert_allclose(batch(seen, reset=reset)[0], called, atol=1e-5)
    for mine, theirs in zip(one.state, batch.state, strict=True):
        np.testing.assert_allclose(theirs[:, 0], mine, atol=1e-5)


def test_an_action_outlives_the_next_call(tmp_path):
    for task in (BOX, OPEN, DISCRETE):
        export_policy(policy("gru", task), task, tmp_path, "numpy")
        run, draw = Policy(tmp_path / "policy.npz", batch=2), np.random.default_rng(1)
        seen = [draw.normal(size=(2, CHANNELS)) for _ in range(2)]
        first = run(seen[0])
        kept = first.copy()
        run(seen[1] * 1e3)
        np.testing.assert_array_equal(first, kept)


def test_logits_that_are_not_finite_are_no_decision(tmp_path):
    export_policy(policy("gru", DISCRETE), DISCRETE, tmp_path, "numpy")
    run = Policy(tmp_path / "policy.npz", batch=2)
    seen = np.zeros((2, CHANNELS), np.float32)
    seen[1, 0] = np.nan
    found = run(seen)
    assert 2 <= found[0] < 6 and found[1] == NO_ACTION
    assert np.isfinite(run.logits[0]).all() and np.isnan(run.logits[1]).all()


@pytest.mark.parametrize(
    ("seen", "options", "sentence"),
    [
        (np.zeros(3), {}, r"observation has shape \(3,\), expected \(9,\)"),
        (np.zeros((1, CHANNELS)), {}, "observation has shape"),
        (np.zeros(CHANNELS), {"dt": 0.5}, "dt was given to a policy that knows no time"),
    ],
)
def test_what_does_not_fit_is_refused(seen, options, sentence, tmp_path):
    export_policy(policy("gru"), BOX, tmp_path, "numpy")
    with pytest.raises(ValueError, match=sentence):
        Policy(tmp_path / "policy.npz")(seen, **options)


def test_a_state_of_another_shape_is_refused(tmp_path):
    export_policy(policy("gru"), BOX, tmp_path, "numpy")
    with pytest.raises(ValueError, match="state has shape"):
        Policy(tmp_path / "policy.npz").step(np.zeros(CHANNELS), (np.zeros((1, 1)),))


class Doubled(encoders.VectorEncoder):
    """Somebody's own."""

    def forward(self, observations):
        return 2 * super().forward(observations)


def test_what_the_module_does_not_know_is_refused(tmp_path):
    made = policy("gru")
    made.encoder.__class__ = Doubled
    with pytest.raises(ArgumentError, match="'numpy' does not know the encoder Doubled"):
        export_policy(made, BOX, tmp_path, "numpy")
    normed = policy({"name": "gru", "hidden_size": 8}, FRAMES, {"name": "small", "features": 8})
    normed.encoder = encoders.pixel_encoder("small", FRAMES.observation_space, 8, None, True)
    with pytest.raises(ArgumentError, match="does not know the layer GroupNorm"):
        export_policy(normed, FRAMES, tmp_path, "numpy")
    assert not list(tmp_path.iterdir())
