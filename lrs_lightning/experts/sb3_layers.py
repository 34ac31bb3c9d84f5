"""Which tensors of a Stable-Baselines3 policy make the deterministic action, by algorithm.

SAC and TQC: `actor.latent_pi.*` and `actor.mu`, then tanh; TD3 and DDPG: `actor.mu.*`, then tanh.
PPO, A2C and TRPO: `mlp_extractor.policy_net.*` and `action_net`.
DQN: `q_net.q_net.*`; QR-DQN: `quantile_net.quantile_net.*`, the mean of whose quantiles counts.
Over pixels a Nature network comes before: `features_extractor.cnn.*` and `.linear.0`.

Every tensor must be used, or be one of those that are known to have no part in the action.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from lrs_lightning.errors import DataError
from lrs_lightning.experts.sb3_options import Options

Layers = list[tuple[Tensor, Tensor]]
State = dict[str, Tensor]

_NO_PART = (
    "actor_target.", "critic.", "critic_target.", "q_net_target.", "quantile_net_target.",
    "value_net.", "mlp_extractor.value_net.", "vf_features_extractor.", "actor.log_std", "log_std",
)  # fmt: skip
"""Beginnings of tensors that train a policy and do not act."""


@dataclass(frozen=True)
class Actor:
    """An actor inside a state dictionary."""

    layers: Layers
    """Dense layers, weight `(out, in)` and bias; those after the convolutions for pixels."""
    convolutions: Layers
    """Weight `(C_out, C_in, k, k)` and bias of a Nature network; empty for vectors."""
    squash: bool
    """Whether tanh follows."""
    clip_output: float | None = None
    """Limit on the outputs before tanh."""


def find_actor(state: State, options: Options, quantile_actions: int) -> Actor:
    """Find the actor, and prove that nothing else has a part in the action.

    Args:
        state: tensors by name.
        options: what the zip says beside.
        quantile_actions: number of actions, which QR-DQN's output is folded into.

    Raises:
        DataError: a tensor is missing, or one is left that may act.
    """
    tensors = _Tensors(state)
    actor = _FINDERS[options.algorithm](tensors, options, quantile_actions)
    tensors.prove_used(options.algorithm)
    return actor


class _Tensors:
    """Tensors by name, which remembers those that were taken."""

    def __init__(self, state: State) -> None:
        self._state, self._taken = state, set[str]()

    def __contains__(self, name: str) -> bool:
        return name in self._state

    def layer(self, prefix: str) -> tuple[Tensor, Tensor]:
        """Weight and bias of a dense layer or a convolution."""
        names = f"{prefix}.weight", f"{prefix}.bias"
        if not all(name in self._state for name in names):
            raise DataError(f"the policy lacks {' or '.join(names)}")
        self._taken.update(names)
        weight, bias = (self._state[name].float() for name in names)
        return weight, bias

    def chain(self, prefix: str) -> Layers:
        """The layers of a Sequential with an activation after each, in order."""
        pattern = re.compile(re.escape(prefix) + r"\.(\d+)\.weight")
        found = sorted(int(match[1]) for name in self._state if (match := pattern.fullmatch(name)))
        if found != list(range(0, 2 * len(found), 2)):
            raise DataError(
                f"{prefix} has layers at {found}, expected every second place: something else than "
                "activations stands between them"
            )
        return [self.layer(f"{prefix}.{index}") for index in found]

    def nature(self, prefix: str) -> tuple[Layers, Layers]:
        """Convolutions and the dense layer after them; both empty for vectors."""
        convolutions = self.chain(f"{prefix}.cnn")
        return convolutions, [self.layer(f"{prefix}.linear.0")] if convolutions else []

    def same(self, prefix: str, other: str) -> None:
        """Take what stands under a second name, if it is equal."""
        for name in [n for n in self._state if n.startswith(f"{other}.")]:
            twin = prefix + name.removeprefix(other)
            if twin not in self._state or not self._state[twin].equal(self._state[name]):
                raise DataError(f"{name} differs from {twin}: which of them acts is not known here")
            self._taken.add(name)

    def prove_used(self, algorithm: str) -> None:
        """Raise unless all were taken, or are known to have no part in the action."""
        left = sorted(n for n in self._state.keys() - self._taken if not n.startswith(_NO_PART))
        if left:
            shown = ", ".join(left[:4]) + (", ..." if len(left) > 4 else "")
            raise DataError(f"the {algorithm} policy has tensors that are not read here: {shown}")


def _squashed(tensors: _Tensors, options: Options, _: int) -> Actor:
    hidden = tensors.chain("actor.latent_pi")
    if not options.sde:
        return Actor([*hidden, tensors.layer("actor.mu")], [], squash=True)
    # With state-dependent exploration the mean is a Sequential: a layer, and a clip where wanted.
    limit = options.clip_mean if options.clip_mean > 0 else None
    mean = tensors.layer("actor.mu.0" if limit else "actor.mu")
    return Actor([*hidden, mean], [], squash=True, clip_output=limit)


def _td3(tensors: _Tensors, options: Options, _: int) -> Actor:
    return Actor(tensors.chain("actor.mu"), [], squash=True)


def _on_policy(tensors: _Tensors, options: Options, _: int) -> Actor:
    convolutions, dense = tensors.nature("features_extractor")
    tensors.same("features_extractor", "pi_features_extractor")
    hidden = tensors.chain("mlp_extractor.policy_net")
    layers = [*dense, *hidden, tensors.layer("action_net")]
    return Actor(layers, convolutions, squash=options.squash)


def _values(network: str) -> Callable[[_Tensors, Options, int], Actor]:
    def find(tensors: _Tensors, options: Options, actions: int) -> Actor:
        convolutions, dense = tensors.nature(f"{network}.features_extractor")
        layers = [*dense, *tensors.chain(f"{network}.{network}")]
        if network == "quantile_net" and layers:
            layers[-1] = _mean_over_quantiles(*layers[-1], actions)
        return Actor(layers, convolutions, squash=False)

    return find


def _mean_over_quantiles(weight: Tensor, bias: Tensor, actions: int) -> tuple[Tensor, Tensor]:
    """The mean of the quantiles is linear, so that it folds into the last layer."""
    if len(weight) % actions:
        raise DataError(
            f"the policy has {len(weight)} quantiles, which {actions} actions do not divide: it is "
            "of another task"
        )
    # Stable-Baselines3 orders the outputs by quantile, then by action.
    return weight.reshape(-1, actions, weight.shape[1]).mean(0), bias.reshape(-1, actions).mean(0)


_FINDERS: dict[str, Callable[[_Tensors, Options, int], Actor]] = {
    "SAC": _squashed,
    "TQC": _squashed,
    "TD3": _td3,
    "PPO": _on_policy,
    "A2C": _on_policy,
    "TRPO": _on_policy,
    "DQN": _values("q_net"),
    "QR-DQN": _values("quantile_net"),
}
