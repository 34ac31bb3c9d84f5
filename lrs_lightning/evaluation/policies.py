"""From a word on the command line to a policy: one small function for each kind of word."""

from __future__ import annotations

import hashlib
import inspect
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lrs_lightning import envs
from lrs_lightning.env_variant import EnvVariant, variant_text
from lrs_lightning.envs.own_code import named_object
from lrs_lightning.errors import ANY_FAILURE, ArgumentError, EnvironmentMismatchError
from lrs_lightning.experts import SHIPPED, load_expert
from lrs_lightning.near import did_you_mean_path
from lrs_lightning.rollout import Policy
from lrs_lightning.shifts import ShiftContext

DEFAULT_ENV = "HalfCheetah-v5"
KINDS = (
    "a checkpoint (.ckpt), a run folder, 'shipped', an expert (.safetensors), a Stable-Baselines3 "
    "archive (.zip), an ONNX file (.onnx), exported weights (.npz), or module:function"
)
LONGEST_NAME = 1000
"""Characters of a policy's name that are kept."""
_MODULE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
_NAMED = re.compile(r"(?P<name>[\w.-]+)=(?P<word>.+)", re.DOTALL)


@dataclass(frozen=True)
class Candidate:
    """A policy that asks to be judged.

    Args:
        name: for tables and result files.
        policy: what plays.
        about: what `summary.json` says of it.
        env: the task it was made for, where known.
        context: mean and deviation of its training data, where known.
        run: the run folder it is from, whose references it is judged by.
    """

    name: str
    policy: Policy
    about: dict[str, Any] = field(default_factory=dict)
    env: str | None = None
    context: ShiftContext | None = None
    run: Path | None = None


CheckpointLoader = Callable[[Path], Candidate]


def resolve(
    words: Sequence[str],
    env_id: str | None,
    load_checkpoint: CheckpointLoader,
    env_kwargs: Mapping[str, Any] | None = None,
    wrappers: Sequence[str] | None = None,
    statistics: str | Path | None = None,
) -> tuple[str, list[Candidate]]:
    """Load policies, and find out which task they are for.

    Args:
        words: each one of `KINDS`; `name=word` names it.
        env_id: the task; None takes that of the first policy that knows its own.
        load_checkpoint: loads a checkpoint or run folder (training lies above this room).
        env_kwargs: arguments of the task that are added or changed.
        wrappers: put around the task, the last one outermost.
        statistics: of Stable-Baselines3 archives, see `load_expert`.

    Returns:
        The task, and the policies with names that differ.

    Raises:
        ArgumentError: a word that is none of them.
        EnvironmentMismatchError: policies of different tasks.
        DataError: a damaged file.
    """
    pairs = [_named(word) for word in words]
    knowing = {
        word: candidate
        for word in dict.fromkeys(word for _, word in pairs)
        if (candidate := _that_knows_its_task(word, load_checkpoint)) is not None
    }
    env = env_id or next((c.env for c in knowing.values() if c.env), DEFAULT_ENV)
    env = envs.canonical_id(variant_text(env, env_kwargs, wrappers))
    asked = any(given is not None for given in (env_id, env_kwargs, wrappers))
    _check_statistics(statistics, pairs)
    found = []
    for name, word in pairs:
        candidate = knowing.get(word) or _LOADERS[_kind(word)](word, env, statistics)
        if not _plays(candidate.env, env, asked):
            raise EnvironmentMismatchError(
                f"policy {word!r} was made for {candidate.env}, and {env} is to be played: "
                "give policies of one task"
            )
        found.append(replace(candidate, name=name or candidate.name))
    return env, _distinct(found)


def _plays(made_for: str | None, env: str, asked: bool) -> bool:
    """Whether a policy of one task is judged in the other: asked for, the same one changed too.

    Whether it can see and act there is found out from the spaces.
    """
    if made_for is None or made_for == env:
        return True
    return asked and EnvVariant.parse(made_for).env_id == EnvVariant.parse(env).env_id


def _check_statistics(given: str | Path | None, pairs: Sequence[tuple[str | None, str]]) -> None:
    zips = [word for _, word in pairs if word.endswith(".zip")]
    if given is not None and len(zips) != 1:
        raise ArgumentError(
            f"--statistics belongs to one .zip of Stable-Baselines3, and {len(zips)} are given: "
            "put each file beside its zip instead"
        )


def demonstrator(
    word: str,
    env_id: str,
    load_checkpoint: CheckpointLoader,
    statistics: str | Path | None = None,
) -> Policy:
    """Who demonstrates: whatever can be judged, and an expert by its name on a hub.

    Args:
        word: one of `KINDS`, or a name on a hub.
        env_id: the task.
        load_checkpoint: as in `resolve`.
        statistics: of a Stable-Baselines3 archive, see `load_expert`.

    Raises:
        LrsError: there is no such policy, or it is for another task.
    """
    word_is_function = _MODULE.fullmatch(word) is not None and not os.path.exists(word)
    ours = os.path.isdir(word) or Path(word).suffix in (".ckpt", ".onnx", ".npz")
    if word_is_function or ours:
        return resolve([word], env_id, load_checkpoint, statistics=statistics)[1][0].policy
    return load_expert(word, env_id, statistics)


def _named(word: str) -> tuple[str | None, str]:
    match = _NAMED.fullmatch(word)
    if match and not os.path.exists(word):
        return match["name"], match["word"]
    return None, word


def _kind(word: str) -> str:
    path = Path(word)
    if word == SHIPPED:
        return "expert"
    if "://" in word:
        raise ArgumentError(f"policy {word!r} is an address: download the file, then give its path")
    if os.path.isdir(word) or path.suffix == ".ckpt":
        return "checkpoint"
    if path.suffix in (".zip", ".safetensors"):
        return "expert"
    if path.suffix in (".onnx", ".npz"):
        return path.suffix.removeprefix(".")
    if path.suffix == ".pt2":
        raise ArgumentError(
            f"policy {word!r}: PyTorch unpickles such a file, which may run what it brings along: "
            "give the run, or what `export` wrote with --format onnx or numpy"
        )
    if _MODULE.fullmatch(word):
        return "function"
    missing = "there is no such path; " if os.sep in word and not os.path.exists(word) else ""
    near = "" if os.path.exists(word) else did_you_mean_path(word, (SHIPPED,))
    raise ArgumentError(f"policy {word!r}{near}: {missing}give {KINDS}")


def _that_knows_its_task(word: str, load_checkpoint: CheckpointLoader) -> Candidate | None:
    """What was trained here, or exported from it; None for what is told its task."""
    kind = _kind(word)
    if kind == "checkpoint":
        return load_checkpoint(Path(word))
    return _exported(word) if kind in ("onnx", "npz") else None


def _exported(word: str) -> Candidate | None:
    """A policy that `export` wrote; None for an ONNX file of somebody else's."""
    from lrs_lightning.deployment.reading import read_exported

    read = read_exported(word)
    if read is None:
        return None
    told = read.interface
    context = None
    if told.mean is not None:
        context = ShiftContext(observation_mean=told.mean, observation_std=told.std)
    about = {**told.about, "kind": read.kind, "source": word}
    return Candidate(Path(word).stem, read.policy, about, told.task.env, context)


def _expert(word: str, env_id: str, statistics: str | Path | None) -> Candidate:
    """The shipped expert, or the file of one; archives are read without running their pickles."""
    policy = load_expert(word, env_id, statistics if word.endswith(".zip") else None)
    name = "expert" if word == SHIPPED else Path(word).stem
    algorithm = {k: policy.card[k] for k in ("algorithm",) if k in policy.card}
    return Candidate(name, policy, {"kind": "expert", "source": word, **algorithm}, env_id)


def _onnx(word: str, env_id: str, statistics: object) -> Candidate:
    from lrs_lightning.experts.onnx_policy import OnnxPolicy

    info = envs.describe(env_id)
    policy = OnnxPolicy(word, info.action_space, observation_space=info.observation_space)
    return Candidate(Path(word).stem, policy, {"kind": "onnx", "source": word})


def _function(word: str, env_id: str, statistics: object) -> Candidate:
    """The user's own code: actions of observations, a policy, or a class of policies."""
    name = word.partition(":")[2]
    try:
        thing: Any = named_object(word)
        thing = thing() if inspect.isclass(thing) else thing
    except ANY_FAILURE as error:
        reason = " ".join(str(error).split())
        raise ArgumentError(
            f"policy {word!r} cannot be loaded: {type(error).__name__}: {reason}"
        ) from error
    about = {"kind": "function", "source": word}
    if callable(getattr(thing, "step", None)) and callable(getattr(thing, "initial_state", None)):
        return Candidate(name, thing, about)
    if callable(thing):
        return Candidate(name, Reactive(thing), about)
    raise ArgumentError(
        f"policy {word!r} is a {type(thing).__name__}: give a function of observations (N, ...) "
        "that returns actions (N, A), or an object with initial_state and step"
    )


_LOADERS: dict[str, Callable[[str, str, str | Path | None], Candidate]] = {
    "expert": _expert,
    "onnx": _onnx,
    "function": _function,
}


class Reactive:
    """A function of the observation alone, as a policy.

    Args:
        function: observations `(N, ...)` to actions `(N, A)`, or `(N,)` for a discrete space.
    """

    def __init__(self, function: Callable[[NDArray[Any]], Any]) -> None:
        self.function = function
        self.fingerprint = _source_hash(function)

    def initial_state(self, num_envs: int) -> None:
        """Nothing."""

    def step(
        self, observations: NDArray[Any], state: Any, starts: NDArray[np.bool_]
    ) -> tuple[NDArray[Any], None]:
        """Ask the function."""
        return np.asarray(self.function(observations)), None


def _source_hash(thing: Any) -> str | None:
    """Tells two versions of the user's code apart, as far as its module's file does."""
    module = inspect.getmodule(thing)
    try:
        source = inspect.getsource(module) if module is not None else None
    except OSError:
        source = None
    return None if source is None else hashlib.sha256(source.encode()).hexdigest()[:16]


def _distinct(candidates: Iterable[Candidate]) -> list[Candidate]:
    """A second `policy` becomes `policy-2`; names are what can be shown and written."""
    taken: set[str] = set()
    found = []
    for candidate in candidates:
        # A file's name may hold line ends, or bytes that are no text.
        shown = "".join(c if c.isprintable() else "_" for c in candidate.name) or "_"
        shown = f"{shown[:LONGEST_NAME]}..." if len(shown) > LONGEST_NAME else shown
        name, count = shown, 1
        while name in taken:
            count += 1
            name = f"{shown}-{count}"
        taken.add(name)
        found.append(replace(candidate, name=name))
    return found
