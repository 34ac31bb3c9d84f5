"""A feed-forward expert in NumPy: what SAC and its kin leave behind once training is over.

Its layers are summed row by row (`lrs_kernels.native.linear`), so that an action does not depend on
how many environments are played side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from lrs_kernels.native.linear import has_rowwise_linear, rowwise_affine
from lrs_lightning.errors import DataError, EnvironmentMismatchError
from lrs_lightning.experts.activations import find_activation
from lrs_lightning.experts.normalisation import Normalisation

Array = NDArray[np.float32]


class MLPExpert:
    """Deterministic policy: dense layers, by default with ReLU between and tanh at the end.

    Args:
        layers: `(weight, bias)` of each layer, weight `(out, in)`.
        action_space: a bounded box; tanh's [-1, 1] is mapped onto it. Or a discrete space: the
            largest output is the action.
        card: where the weights come from and what they earn.
        env_id: the task it was made for.
        activation: between the layers, a name of `ACTIVATIONS`.
        squash: tanh onto the bounds of a box; else the outputs are actions, clipped to the bounds.
        clip_output: largest magnitude of an output before it is squashed; None for no limit.
        normalisation: of the observations, before the first layer.

    Raises:
        DataError: consecutive layers or statistics that do not fit, a weight that is not finite, an
            unknown activation.
        EnvironmentMismatchError: the last layer does not fit the action space.
    """

    def __init__(
        self,
        layers: Sequence[tuple[Array, Array]],
        action_space: gym.spaces.Box | gym.spaces.Discrete,
        card: dict[str, Any] | None = None,
        env_id: str = "",
        activation: str = "relu",
        squash: bool = True,
        clip_output: float | None = None,
        normalisation: Normalisation | None = None,
    ) -> None:
        _check(layers)
        wanted = _outputs(action_space)
        if layers[-1][0].shape[0] != wanted:
            raise EnvironmentMismatchError(
                f"the expert has {layers[-1][0].shape[0]} actions and {env_id or 'the task'} wants "
                f"{wanted}: load an expert of this task"
            )
        self.layers = [(np.ascontiguousarray(w.T), b) for w, b in layers]  # (in, out) for x @ W
        self._single = all(part.dtype == np.float32 for layer in layers for part in layer)
        self.card, self.env_id = dict(card or {}), env_id
        self._activation, self._squash = find_activation(activation), squash
        self._clip, self._normalisation = clip_output, normalisation
        if normalisation is not None and len(normalisation.mean) != self.observation_size:
            raise DataError(
                f"the statistics are of {len(normalisation.mean)} channels and the expert reads "
                f"{self.observation_size}: give those of this expert"
            )
        self._space = action_space
        if isinstance(action_space, gym.spaces.Discrete) or not squash:
            return  # a box without bounds has no middle
        self._scale = ((action_space.high - action_space.low) / 2).astype(np.float32)
        self._middle = ((action_space.high + action_space.low) / 2).astype(np.float32)

    @property
    def rows_apart(self) -> bool:
        """Whether an action does not depend on what else is asked: where there is compiled C."""
        return self._single and has_rowwise_linear()

    @property
    def observation_size(self) -> int:
        """Number of observation channels it reads."""
        return int(self.layers[0][0].shape[0])

    def initial_state(self, num_envs: int) -> None:
        """Nothing: a feed-forward policy remembers nothing."""
        return None

    def step(
        self, observations: NDArray[Any], state: Any = None, starts: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[Any], Any]:
        """Actions `(N, *A)`, or `(N,)` discrete ones, for observations `(N, *O)`."""
        flat = observations.reshape(len(observations), -1)
        if self._normalisation is not None:
            flat = self._normalisation(flat)
        affine = rowwise_affine if self.rows_apart else _affine
        hidden = flat.astype(np.float32, copy=False)
        for weight, bias in self.layers[:-1]:
            hidden = self._activation(affine(hidden, weight, bias))
        return self._decide(affine(hidden, *self.layers[-1])), state

    def _decide(self, outputs: Array) -> NDArray[Any]:
        if isinstance(self._space, gym.spaces.Discrete):
            chosen: NDArray[np.int64] = outputs.argmax(axis=-1) + self._space.start
            return chosen
        if self._clip is not None:
            outputs = np.clip(outputs, -self._clip, self._clip)
        outputs = outputs.reshape(-1, *self._space.shape)
        if self._squash:
            return np.tanh(outputs) * self._scale + self._middle
        return np.clip(outputs, self._space.low, self._space.high)


def _affine(x: Array, weight: Array, bias: Array) -> Array:
    return x @ weight + bias


def _outputs(space: gym.spaces.Box | gym.spaces.Discrete) -> int:
    return int(space.n) if isinstance(space, gym.spaces.Discrete) else int(np.prod(space.shape))


def _check(layers: Sequence[tuple[Array, Array]]) -> None:
    if not layers:
        raise DataError("the expert has no layers: expected layers.0.weight, layers.0.bias, ...")
    first = layers[0][0]
    width = first.shape[1] if first.ndim == 2 else None
    for i, (weight, bias) in enumerate(layers):
        fits = weight.ndim == 2 and weight.shape[1] == width and weight.size > 0
        if not fits or bias.shape != weight.shape[:1]:
            raise DataError(
                f"layer {i} of the expert has weight {weight.shape} and bias {bias.shape}, "
                f"expected weight (out, {width}) and bias (out,): the file is no chain of layers"
            )
        if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
            raise DataError(f"layer {i} of the expert holds NaN or infinity: the file is damaged")
        width = weight.shape[0]
