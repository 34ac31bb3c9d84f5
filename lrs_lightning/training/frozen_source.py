"""Where a frozen encoder comes from: the run that trained it, and the hash of what was taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from lrs_lightning.data import Task
from lrs_lightning.env_variant import EnvVariant
from lrs_lightning.errors import ArgumentError, EnvironmentMismatchError, LrsError
from lrs_lightning.nn import PolicyConfig, RecurrentPolicy
from lrs_lightning.nn.encoders import Encoder, Frozen, digest_of
from lrs_lightning.training.loading import load_policy

FILLED_IN = ("network", "task", "sha256")
"""Options of a frozen encoder that say what its run held when it was looked at."""


@dataclass(frozen=True)
class Source:
    """The encoder of a run.

    Args:
        network: its name and options.
        task: what it was trained on.
        weights: its state dict.
        sha256: of the weights.
    """

    network: dict[str, Any]
    task: Task
    weights: dict[str, Tensor]
    sha256: str


def read_source(run: str) -> Source:
    """The encoder of a run folder or a checkpoint.

    Raises:
        ArgumentError: there is no checkpoint, or its encoder does not see exactly one frame.
        DataError: the file is damaged, is no checkpoint of ours, or holds code.
    """
    trained = load_policy(run)
    encoder, config = trained.policy.encoder, trained.policy.config
    assert config is not None  # of a checkpoint
    _check_one_frame(encoder, trained.task, run)
    taken = config.encoder
    network = taken.network if isinstance(taken, Frozen) else taken.to_dict()
    assert network is not None
    return Source(dict(network), trained.task, encoder.state_dict(), digest_of(encoder))


def _check_one_frame(encoder: Encoder, task: Task, run: str) -> None:
    """Features of several frames hold the motion that a memory is to find out by itself."""
    if not task.pixels:
        raise ArgumentError(
            f"the encoder of {run} is of vectors {task.observation_shape}: a frozen one is of "
            "pictures; vectors are encoded with each policy"
        )
    frames = task.observation_shape[0]
    seen = list(range(frames)) if encoder.seen is None else encoder.seen.tolist()
    if seen != [frames - 1]:
        raise ArgumentError(
            f"the encoder of {run} sees the frames {seen} of {frames}: a frozen one sees the "
            f"newest alone; train it with --model.policy.encoder.channels=[{frames - 1}]"
        )


def filled_in(config: PolicyConfig) -> PolicyConfig:
    """The configuration in which a frozen encoder says what its run holds.

    Where that is said already, nothing is read: `take_weights` will compare. Where no run is named
    nothing can be said: members of a population may name their own.

    Raises:
        ArgumentError: the run has no encoder of one frame.
        DataError: its checkpoint cannot be read.
    """
    encoder = config.encoder
    if not isinstance(encoder, Frozen) or encoder.network is not None or encoder.run is None:
        return config
    source = read_source(encoder.run)
    _check_same(encoder, source)
    return replace(
        config,
        encoder=replace(
            encoder, network=source.network, task=source.task.env, sha256=source.sha256
        ),
    )


def check_source(config: PolicyConfig) -> None:
    """Refuse a frozen encoder of which nobody has said whose it is.

    Raises:
        ArgumentError: no run is named.
    """
    encoder = config.encoder
    if isinstance(encoder, Frozen) and encoder.run is None:
        raise ArgumentError(
            "a frozen encoder needs a run that trained it: give --model.policy.encoder.run, a run "
            "folder or a .ckpt file"
        )


def forget_other_run(encoder: dict[str, Any], before: Mapping[str, Any]) -> None:
    """Where another run is named than before, what was said of that one does not hold.

    Args:
        encoder: options as plain values; changed in place.
        before: the same, with the run that they were said of.
    """
    if encoder.get("run") == before.get("run"):
        return
    for key in FILLED_IN:
        if key in encoder and encoder[key] == before.get(key):
            encoder[key] = None


def take_weights(policy: RecurrentPolicy, task: Task) -> None:
    """Give a new policy the weights of its frozen encoder; any other policy is left as it is.

    Args:
        policy: as `build_policy` makes it.
        task: that it is to be trained on.

    Raises:
        EnvironmentMismatchError: the encoder is of another task.
        ArgumentError: no run is named, it is not there, or it holds another encoder by now.
        DataError: its checkpoint cannot be read.
    """
    if policy.config is None or not isinstance(encoder := policy.config.encoder, Frozen):
        return
    check_source(policy.config)
    source = read_source(str(encoder.run))
    _check_same(encoder, source)
    if _game(source.task.env) != _game(task.env) or _seen(source.task) != _seen(task):
        raise EnvironmentMismatchError(
            f"the encoder of {encoder.run} was trained on {source.task.env}, whose pictures are "
            f"{_seen(source.task)}, and the policy is for {task.env} with {_seen(task)}: name a "
            "run of that task"
        )
    policy.encoder.load_state_dict(source.weights)


def why_no_weights(policy: RecurrentPolicy, task: Task) -> LrsError | None:
    """Why `take_weights` fails; None where it did not.

    A training that goes on has all weights in its checkpoint, whatever became of the run that the
    encoder is from: only where none is loaded is this to be raised.
    """
    try:
        take_weights(policy, task)
    except LrsError as error:
        return error
    return None


def _check_same(encoder: Frozen, source: Source) -> None:
    if encoder.sha256 not in (None, source.sha256):
        raise ArgumentError(
            f"the encoder of {encoder.run} has the SHA-256 {source.sha256[:12]}... and "
            f"{str(encoder.sha256)[:12]}... is asked for: it was trained anew since; leave "
            f"{', '.join(FILLED_IN)} of model.policy.encoder away to take the new one"
        )


def _game(env: str) -> str:
    """The task without its arguments: the same game, played in another way, looks the same."""
    return EnvVariant.parse(env).env_id


def _seen(task: Task) -> tuple[int, ...]:
    return task.observation_shape


def fill_in_section(policy: Mapping[str, Any], of_members: bool = False) -> None:
    """Fill in the section `model.policy` of a parsed configuration, so that `config.yaml` has it.

    Args:
        policy: with classes where dictionaries of a checkpoint have names; changed in place.
        of_members: it is what members of a population have in common, who may each name a run.

    Raises:
        LrsError: as `filled_in`.
    """
    encoder = policy["encoder"]
    options = encoder.get("init_args")
    if str(encoder.get("class_path")).rpartition(".")[2] != Frozen.__name__ or options is None:
        return
    config = PolicyConfig(encoder=Frozen(**{key: options.get(key) for key in ("run", *FILLED_IN)}))
    filled = filled_in(config)
    if not of_members:
        check_source(filled)
    found = filled.encoder
    for key in FILLED_IN:
        options[key] = getattr(found, key)
