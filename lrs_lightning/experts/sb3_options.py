"""What a Stable-Baselines3 zip says of its policy, read word by word or refused.

A word that is not known may change what the policy does, and a policy that acts differently than it
did is worse than one that is not read.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from typing import Any

from lrs_lightning.errors import DataError
from lrs_lightning.experts.inert_pickle import read_inert

ON_POLICY = "on-policy"
POLICIES = {
    "stable_baselines3.common.policies.ActorCriticPolicy": ON_POLICY,
    "stable_baselines3.common.policies.ActorCriticCnnPolicy": ON_POLICY,
    "sb3_contrib.common.maskable.policies.MaskableActorCriticPolicy": ON_POLICY,
    "sb3_contrib.common.maskable.policies.MaskableActorCriticCnnPolicy": ON_POLICY,
    "stable_baselines3.dqn.policies.CnnPolicy": "DQN",
    "stable_baselines3.dqn.policies.DQNPolicy": "DQN",
    "stable_baselines3.sac.policies.SACPolicy": "SAC",
    "stable_baselines3.td3.policies.TD3Policy": "TD3",
    "sb3_contrib.qrdqn.policies.CnnPolicy": "QR-DQN",
    "sb3_contrib.qrdqn.policies.QRDQNPolicy": "QR-DQN",
    "sb3_contrib.tqc.policies.TQCPolicy": "TQC",
}
"""Policy class -> algorithm. A class that is not here, of its author's own, may do anything."""

# They decide how a policy was trained, or what the tensors show as well.
_HARMLESS = {
    "full_std", "log_std_init", "n_critics", "n_quantiles", "net_arch", "optimizer_class",
    "optimizer_kwargs", "ortho_init", "sde_net_arch", "share_features_extractor", "use_expln",
}  # fmt: skip
_READ = {
    "activation_fn", "clip_mean", "features_extractor_class", "features_extractor_kwargs",
    "normalize_images", "squash_output", "use_sde",
}  # fmt: skip
_FORM = {":type:", ":serialized:"}  # how SB3 marks a dictionary that is no JSON


@dataclass(frozen=True)
class Options:
    """What decides a policy's action besides its tensors.

    Attributes:
        algorithm: `SAC`, `TD3`, `DQN`, `TQC`, `QR-DQN`, `PPO`, `A2C` or `TRPO`.
        activation: torch's class between layers, in lower case.
        squash: whether an on-policy mean goes through tanh.
        clip_mean: limit on the mean of state-dependent exploration in SAC and TQC; 0 for none.
        sde: whether exploration is state-dependent.
        normalize_images: whether pixels are divided by 255.
        normalised: whether training ran under `VecNormalize`; None where the zip does not tell.
    """

    algorithm: str
    activation: str
    squash: bool = False
    clip_mean: float = 2.0
    sde: bool = False
    normalize_images: bool = True
    normalised: bool | None = None


def read_options(data: bytes) -> Options:
    """Read the member `data`.

    Raises:
        DataError: it is damaged, or the policy has an option or a class that is not known.
    """
    try:
        values = json.loads(data)
        policy_class, words = values["policy_class"], values["policy_kwargs"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise DataError("data is damaged: it names no policy_class and policy_kwargs") from None
    if not isinstance(words, dict):
        raise DataError(f"policy_kwargs is {words!r:.60}, expected a dictionary")
    on_policy = _kind(policy_class) == ON_POLICY
    _refuse_unknown(words)
    _check_extractor(words)
    return Options(
        algorithm=_on_policy_algorithm(values) if on_policy else _kind(policy_class),
        activation=_activation(words, "tanh" if on_policy else "relu"),
        squash=words.get("squash_output", False) is True,
        clip_mean=_number(words, "clip_mean", 2.0),
        sde=values.get("use_sde") is True or words.get("use_sde") is True,
        normalize_images=words.get("normalize_images", True) is True,
        # Off-policy algorithms keep the last observation there in any case.
        normalised=values.get("_last_original_obs") is not None if on_policy else None,
    )


def _kind(policy_class: Any) -> str:
    try:
        content = base64.b64decode(policy_class[":serialized:"], validate=True)
    except (KeyError, TypeError, ValueError):
        raise DataError("data is damaged: its policy_class is not readable") from None
    named = read_inert(content)
    path = getattr(named, "path", "") if isinstance(named, type) else "one of its author's own"
    if path not in POLICIES:
        raise DataError(
            f"the policy's class is {path}, and only those of DQN, QR-DQN, PPO, A2C, TRPO, SAC, "
            "TD3, DDPG and TQC over vectors or pixels are read"
        )
    return POLICIES[path]


def _on_policy_algorithm(values: dict[str, Any]) -> str:
    if "cg_max_steps" in values:
        return "TRPO"
    return "PPO" if "clip_range" in values else "A2C"


def _refuse_unknown(words: dict[str, Any]) -> None:
    unknown = sorted(words.keys() - _HARMLESS - _READ - _FORM)
    if unknown:
        raise DataError(
            f"policy_kwargs has {', '.join(unknown)}, whose effect on the action is not known here"
        )


def _check_extractor(words: dict[str, Any]) -> None:
    name = str(words.get("features_extractor_class", ""))
    ours = r"<class 'stable_baselines3\.common\.torch_layers\.(FlattenExtractor|NatureCNN)'>"
    if name and not re.fullmatch(ours, name):
        raise DataError(
            f"the policy has a features extractor of its author's own, {name}, which is not read"
        )
    options = words.get("features_extractor_kwargs") or {}
    if not isinstance(options, dict) or options.keys() - _FORM - {"features_dim"}:
        raise DataError(f"features_extractor_kwargs is {options}: only features_dim is read")


def _activation(words: dict[str, Any], default: str) -> str:
    if "activation_fn" not in words:
        return default
    text = str(words["activation_fn"])
    named = re.fullmatch(r"<class 'torch\.nn\.modules\.(?:activation|linear)\.(\w+)'>", text)
    if not named:
        raise DataError(f"activation_fn is {text}, which is no activation of torch")
    return named[1].lower()


def _number(words: dict[str, Any], name: str, default: float) -> float:
    value = words.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DataError(f"{name} is {value!r:.60}, expected a number")
    return float(value)
