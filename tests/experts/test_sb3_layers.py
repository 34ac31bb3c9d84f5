"""Which tensors act: all that Stable-Baselines3 saves is used, or known to have no part in it."""

from __future__ import annotations

import pytest
import torch

from lrs_lightning.errors import DataError
from lrs_lightning.experts.sb3_layers import find_actor
from lrs_lightning.experts.sb3_options import Options


def tensors(*layers: str, **sizes: int) -> dict[str, torch.Tensor]:
    """A weight `(out, in)` and a bias for each layer, all different; 3 by 3 unless told."""
    out, size = sizes.get("out", 3), sizes.get("size", 3)
    found = {}
    for k, layer in enumerate(layers):
        found[f"{layer}.weight"] = torch.arange(out * size).view(out, size) + 100.0 * k
        found[f"{layer}.bias"] = torch.arange(out) - 100.0 * k
    return found


CNN = [f"features_extractor.cnn.{i}" for i in (0, 2, 4)] + ["features_extractor.linear.0"]
CRITIC = tensors("critic.qf0.0", "critic.qf1.2", "critic_target.qf0.0")
VALUES = tensors("mlp_extractor.value_net.0", "value_net")

# algorithm -> options beside, tensors that act in their order, and those that train
KNOWN = {
    "SAC": (
        {},
        ["actor.latent_pi.0", "actor.latent_pi.2", "actor.mu"],
        tensors("actor.log_std") | CRITIC,
    ),
    "SAC with state-dependent exploration": (
        {"sde": True},
        ["actor.latent_pi.0", "actor.mu.0"],
        {"actor.log_std": torch.ones(3)} | CRITIC,
    ),
    "TQC": ({}, ["actor.latent_pi.0", "actor.mu"], tensors("actor.log_std") | CRITIC),
    "TD3": ({}, ["actor.mu.0", "actor.mu.2"], tensors("actor_target.mu.0") | CRITIC),
    "PPO": (
        {},
        ["mlp_extractor.policy_net.0", "mlp_extractor.policy_net.2", "action_net"],
        {"log_std": torch.ones(3)} | VALUES,
    ),
    "A2C": ({}, ["action_net"], VALUES),
    "TRPO": (
        {},
        ["mlp_extractor.policy_net.0", "action_net"],
        tensors("vf_features_extractor.linear.0"),
    ),
    "DQN": ({}, ["q_net.q_net.0", "q_net.q_net.2"], tensors("q_net_target.q_net.0")),
    "QR-DQN": (
        {},
        ["quantile_net.quantile_net.0"],
        tensors("quantile_net_target.quantile_net.0"),
    ),
}


def options(case: str, **more) -> Options:
    return Options(case.split(" ")[0], "relu", **(KNOWN[case][0] | more))


@pytest.mark.parametrize("case", KNOWN)
def test_the_layers_that_act_and_no_others(case: str) -> None:
    _, acting, training = KNOWN[case]
    state = tensors(*acting)
    found = find_actor(training | state, options(case), quantile_actions=3)
    assert len(found.layers) == len(acting) and found.convolutions == []
    for (weight, bias), layer in zip(found.layers, acting, strict=True):
        assert weight.equal(state[f"{layer}.weight"]) and bias.equal(state[f"{layer}.bias"])
    assert found.squash == case.startswith(("SAC", "TQC", "TD3"))
    assert found.clip_output == (2.0 if "exploration" in case else None)


@pytest.mark.parametrize("case", KNOWN)
def test_each_of_them_is_needed_and_nothing_may_be_left(case: str) -> None:
    _, acting, training = KNOWN[case]
    state = tensors(*acting) | training
    for part in ("weight", "bias"):
        lacking = {k: v for k, v in state.items() if k != f"{acting[-1]}.{part}"}
        with pytest.raises(DataError):
            find_actor(lacking, options(case), 3)
    for name in ("extra", "critics", "actor.norm.weight", "q_net_targets.0", "value_network"):
        with pytest.raises(DataError, match=f"policy has tensors that are not read here: {name}"):
            find_actor(state | {name: torch.ones(3)}, options(case), 3)
    many = {f"x{i}": torch.ones(1) for i in range(5)}
    with pytest.raises(DataError, match=r"read here: x0, x1, x2, x3, \.\.\.$"):
        find_actor(state | many, options(case), 3)


@pytest.mark.parametrize(
    ("case", "prefix"), [("PPO", ""), ("DQN", "q_net."), ("QR-DQN", "quantile_net.")]
)
def test_convolutions_and_the_layer_after_them_come_first(case: str, prefix: str) -> None:
    acting = [prefix + name for name in CNN] + KNOWN[case][1]
    state = tensors(*acting)
    found = find_actor(state, options(case), 3)
    read = [*found.convolutions, *found.layers]
    assert len(found.convolutions) == 3
    for (weight, _), layer in zip(read, acting, strict=True):
        assert weight.equal(state[f"{layer}.weight"])


def test_a_second_extractor_is_taken_where_it_is_the_first() -> None:
    state = tensors(*CNN, "action_net")
    twin = {f"pi_{name}": tensor.clone() for name, tensor in tensors(*CNN).items()}
    assert len(find_actor(state | twin, options("PPO"), 3).convolutions) == 3
    for name in twin:
        with pytest.raises(DataError, match=f"{name} differs from {name.removeprefix('pi_')}: whi"):
            find_actor(state | twin | {name: twin[name] + 1}, options("PPO"), 3)
    with pytest.raises(DataError, match="pi_features_extractor.x differs"):
        find_actor(state | {"pi_features_extractor.x": torch.ones(1)}, options("PPO"), 3)


def test_quantiles_are_averaged_by_action() -> None:
    state = tensors("quantile_net.quantile_net.0", out=10, size=4)
    ((weight, bias),) = find_actor(state, options("QR-DQN"), 2).layers
    x = torch.randn(6, 4)
    every = torch.nn.functional.linear(x, *state.values())
    torch.testing.assert_close(x @ weight.T + bias, every.view(6, 5, 2).mean(1))
    with pytest.raises(DataError, match="has 10 quantiles, which 3 actions do not divide"):
        find_actor(state, options("QR-DQN"), 3)


def test_state_dependent_exploration_without_a_limit_has_no_clip() -> None:
    case = "SAC with state-dependent exploration"
    state = tensors("actor.latent_pi.0", "actor.mu")
    assert find_actor(state, options(case, clip_mean=0.0), 3).clip_output is None
    state = tensors("actor.latent_pi.0", "actor.mu.0")
    assert find_actor(state, options(case, clip_mean=1.5), 3).clip_output == 1.5


def test_an_on_policy_mean_is_squashed_where_the_options_say_so() -> None:
    state = tensors("action_net")
    assert find_actor(state, options("PPO", squash=True), 3).squash
    assert not find_actor(state, options("PPO"), 3).squash


def test_layers_are_in_the_order_of_their_numbers_with_one_place_between() -> None:
    places = [f"actor.mu.{i}" for i in range(0, 22, 2)]
    state = dict(reversed(tensors(*places).items()))
    found = find_actor(state, options("TD3"), 3).layers
    assert [float(bias[0]) for _, bias in found] == [-100.0 * k for k in range(11)]
    with pytest.raises(DataError, match=r"actor.mu has layers at \[0, 3\], expected every second"):
        find_actor(tensors("actor.mu.0", "actor.mu.3"), options("TD3"), 3)


def test_halves_are_read_as_singles() -> None:
    state = {name: tensor.half() for name, tensor in tensors("actor.mu.0").items()}
    ((weight, bias),) = find_actor(state, options("TD3"), 3).layers
    assert weight.dtype == bias.dtype == torch.float32
