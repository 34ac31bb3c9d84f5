"""What an exported policy is called with, and what its file says of itself."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import numpy as np
import torch
from msgspec import Meta, Struct
from numpy.typing import NDArray
from torch import Tensor

from lrs_lightning.data import Task
from lrs_lightning.documents import parse_json
from lrs_lightning.errors import DataError
from lrs_lightning.nn import LRSLayer, RecurrentPolicy, count_parameters
from lrs_lightning.rollout.states import state_names
from lrs_lightning.versions import versions

KEY = "lrs_lightning"
"""Where a file keeps it: a key of ONNX metadata, an extra file of a `.pt2`."""
SCHEMA = 1
_MEND = "export the policy again"
_Size = Annotated[int, Meta(ge=1, le=1 << 24)]
_Finite = Annotated[float, Meta(ge=-3.5e38, le=3.5e38)]


@dataclass(frozen=True)
class Interface:
    """Names, shapes and meaning of `(observation, state, [dt], [reset]) -> (action, state)`.

    Args:
        task: what it acts in.
        states: name -> layers and size of a part of the state, each `(layers, N, size)`.
        dt: whether it takes the time since the last observation.
        reset: whether it takes where episodes begin; else its caller zeroes the state there.
        about: configuration of the policy and number of its parameters.
        mean: of each channel of the training data; None where nothing is normalised.
        std: their deviation.
        made_with: versions.
    """

    task: Task
    states: dict[str, tuple[int, int]]
    dt: bool
    reset: bool
    about: dict[str, Any]
    mean: NDArray[np.float32] | None
    std: NDArray[np.float32] | None
    made_with: dict[str, str]

    @classmethod
    def of(
        cls, policy: RecurrentPolicy, task: Task, dt: bool = False, reset: bool = True
    ) -> Interface:
        """What a policy is exported with."""
        state = policy.initial_state(1)
        parts = (state,) if isinstance(state, Tensor) else state
        sizes = [(part.shape[0], part.shape[2]) for part in parts if part.shape[2]]
        about = {} if policy.config is None else policy.config.describe()
        mean, std = (getattr(policy.encoder, name, None) for name in ("mean", "std"))
        known = isinstance(mean, Tensor) and isinstance(std, Tensor)
        return cls(
            task,
            dict(zip(state_names(len(sizes)), sizes, strict=True)),
            dt,
            reset and bool(sizes),
            {**about, "parameters": count_parameters(policy).total},
            mean.cpu().numpy() if known else None,  # type: ignore[union-attr]
            std.cpu().numpy() if known else None,  # type: ignore[union-attr]
            versions(("lrs_lightning", "torch")),
        )

    @property
    def discrete(self) -> bool:
        """Whether actions are numbers to choose from; the file then has logits too."""
        return self.task.actions is not None

    @property
    def inputs(self) -> dict[str, list[int | str]]:
        """Name -> shape of each input, in their order."""
        options = {"dt": self.dt, "reset": self.reset}
        return {
            "observation": ["batch", *self.task.observation_shape],
            **{name: [layers, "batch", size] for name, (layers, size) in self.states.items()},
            **{name: ["batch"] for name, there in options.items() if there},
        }

    @property
    def outputs(self) -> dict[str, list[int | str]]:
        """Name -> shape of each output, in their order."""
        actions = self.task.actions or len(self.task.action_low)
        return {
            "action": ["batch"] if self.discrete else ["batch", actions],
            **{f"{name}_n": [part[0], "batch", part[1]] for name, part in self.states.items()},
            **({"logits": ["batch", actions]} if self.discrete else {}),
        }

    @property
    def observation_dtype(self) -> torch.dtype:
        """Of raw observations."""
        return torch.uint8 if self.task.observation_dtype == "uint8" else torch.float32

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as a file keeps them."""
        lists = {k: None if v is None else v.tolist() for k, v in self._statistics().items()}
        return {
            "schema": SCHEMA,
            "task": self.task.to_dict(),
            "inputs": self.inputs,
            "outputs": self.outputs,
            "states": {name: list(part) for name, part in self.states.items()},
            "dt": self.dt,
            "policy": self.about,
            "statistics": None if self.mean is None else lists,
            "made_with": self.made_with,
        }

    def to_json(self, **more: Any) -> str:
        """The same as text; what is not finite becomes null."""
        return msgspec.json.encode({**self.to_dict(), **more}).decode()

    def _statistics(self) -> dict[str, NDArray[np.float32] | None]:
        return {"mean": self.mean, "std": self.std}

    @classmethod
    def from_json(cls, text: str, where: str) -> Interface:
        """Read what `to_json` wrote; `where` begins the sentence if it cannot be.

        Raises:
            DataError: it is of another schema or shape, or contradicts itself.
        """
        told = parse_json(text, _Content, where, _MEND)
        if told.schema != SCHEMA:
            raise DataError(f"{where} has schema {told.schema}, not {SCHEMA}: {_MEND}")
        try:
            task = Task.from_dict(told.task)
        except DataError as error:
            raise DataError(f"{where}: {error}") from error
        found = cls(
            task,
            told.states,
            told.dt,
            bool(told.states) and "reset" in told.inputs,
            told.policy,
            *_told_statistics(told.statistics, task, where),
            told.made_with,
        )
        if sum(layers * size for layers, size in found.states.values()) > 1 << 24:
            raise DataError(f"{where}: the state has more numbers than any policy's: {_MEND}")
        for kind, said, right in (
            ("inputs", told.inputs, found.inputs),
            ("outputs", told.outputs, found.outputs),
        ):
            if said != right:
                raise DataError(f"{where}: its {kind} are {said} and should be {right}: {_MEND}")
        return found


class _Statistics(Struct):
    mean: list[_Finite]
    std: list[Annotated[float, Meta(gt=0, le=3.5e38)]]


class _Content(Struct):
    """What a file must say; further keys are for others."""

    schema: int
    task: dict[str, Any]
    inputs: dict[str, list[int | str]]
    outputs: dict[str, list[int | str]]
    states: dict[str, tuple[_Size, _Size]]
    dt: bool
    policy: dict[str, Any] = {}
    statistics: _Statistics | None = None
    made_with: dict[str, str] = {}


def _told_statistics(
    told: _Statistics | None, task: Task, where: str
) -> tuple[NDArray[np.float32] | None, NDArray[np.float32] | None]:
    if told is None:
        return None, None
    size = math.prod(task.observation_shape)
    if not len(told.mean) == len(told.std) == size:
        raise DataError(f"{where}: there is no mean and deviation of each of {size} channels")
    return np.array(told.mean, np.float32), np.array(told.std, np.float32)


def knows_time(policy: RecurrentPolicy) -> bool:
    """Whether a policy takes the time since the last observation."""
    return isinstance(policy.core, LRSLayer) and policy.core.knows_time
