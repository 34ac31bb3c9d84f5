"""P policies of one architecture as one module: parameters stacked, `torch.vmap` over them.

Letters: P policies.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from lrs_kernels.native.staying import PackedWeights, weights_stay
from lrs_lightning.errors import ArgumentError
from lrs_lightning.nn.encoders.frozen import digest_of
from lrs_lightning.nn.parameters import LayerParameters
from lrs_lightning.nn.policy import RecurrentPolicy

# Options of a core that decide what its tensors hold, not what is computed with them.
_OF_TENSORS = (
    "rank", "sparsity", "init", "mask_seed", "share_mask", "factor_full_rank", "control",
)  # fmt: skip
_RANK_AXES = {"weight_hh_w1": 2, "weight_hh_w2": 1}  # (G, H, r) and (G, r, H)


class PolicyPopulation(nn.Module):
    """Policies of one architecture, whose ranks, sparsities and masks may differ.

    Each parameter is one leaf tensor `(P, ...)`. Factors of a smaller rank are filled up with
    zeros, whose gradient is zero, so that they stay; where one policy has a mask, the others have
    one of ones. A frozen encoder that is the same in all of them is there once. `run` calls any
    function of a policy for all of them at once, by `torch.vmap` over an unchanged policy.

    Args:
        policies: of equal `architecture`; their weights are copied.

    Raises:
        ArgumentError: there are none, or their architectures differ.

    Example:
        >>> from gymnasium.spaces import Box
        >>> from lrs_lightning.nn import PolicyConfig, build_policy, cores
        >>> spaces = Box(-1, 1, (17,)), Box(-1, 1, (6,))
        >>> configs = [PolicyConfig(core=cores.CfC(rank=r)) for r in (2, 8)]
        >>> two = PolicyPopulation([build_policy(config, *spaces) for config in configs])
        >>> x = torch.randn(4, 10, 17)
        >>> two.run(lambda policy, x: policy.unroll(x)[0], x, axes=(None,)).shape
        torch.Size([2, 4, 10, 6])
    """

    def __init__(self, policies: Sequence[RecurrentPolicy]) -> None:
        super().__init__()
        if len({architecture(policy) for policy in policies}) != 1:
            raise ArgumentError(
                "a population needs policies of one architecture: same cell and sizes; ranks, "
                "sparsities and masks may differ"
            )
        alike = _alike(policies)
        self.size = len(alike)
        saved = alike[0].state_dict().keys()
        self._names: dict[str, str] = {}  # of a policy's tensor -> of the stacked one
        parts: list[dict[str, Tensor]] = [
            dict([*policy.named_parameters(), *policy.named_buffers()]) for policy in alike
        ]
        self._shared = _shared_tensors(alike)
        for name, first in parts[0].items():
            if name in self._shared:
                own = self._names[name] = name.replace(".", "/")
                self.register_buffer(own, first.detach(), persistent=name in saved)
                continue
            stacked = torch.stack([part[name].detach() for part in parts])
            own = self._names[name] = name.replace(".", "/")  # a module's tensors have no dots
            if isinstance(first, nn.Parameter):
                self.register_parameter(own, nn.Parameter(stacked, first.requires_grad))
            else:
                self.register_buffer(own, stacked, persistent=name in saved)
        # Runs with the tensors of each policy in turn; its own are never looked at.
        object.__setattr__(self, "_skeleton", alike[0].requires_grad_(False))
        self._packed = PackedWeights()

    def run(
        self,
        function: Callable[..., Any],
        *inputs: Any,
        axes: Sequence[int | None],
    ) -> Any:
        """Call a function of a policy for all policies.

        Args:
            function: takes a policy and the inputs of one policy; returns tensors.
            *inputs: of the function.
            axes: for each input the axis along which the policies lie; None for one that all share.

        Returns:
            What the function returns, with the policies along a first axis.
        """
        skeleton: nn.Module = self.__dict__["_skeleton"]
        call = _Call(skeleton.train(self.training), function)

        def one(tensors: dict[str, Tensor], *own: Any) -> Any:
            return functional_call(call, tensors | shared, own)

        named = {f"policy.{name}": getattr(self, own) for name, own in self._names.items()}
        shared = {f"policy.{name}": named.pop(f"policy.{name}") for name in self._shared}
        return torch.vmap(one, in_dims=(0, *axes), randomness="different")(named, *inputs)

    def weights_stay(self) -> AbstractContextManager[None]:
        """Within it C packs the weights once, in whichever call is the first: nobody trains them.

        Without gradients, as in closed loop; what is found is the same to the last bit.
        """
        return weights_stay(self._packed)

    def stacked(self) -> dict[str, nn.Parameter]:
        """Name of a policy's parameter -> the stacked one, `(P, ...)`."""
        own = dict(self.named_parameters())
        return {name: own[key] for name, key in self._names.items() if key in own}

    @torch.no_grad()
    def copy_to(self, policy: RecurrentPolicy, member: int) -> RecurrentPolicy:
        """Copy one member's parameters and buffers into an ordinary policy, without the padding."""
        for name, own in [*policy.named_parameters(), *policy.named_buffers()]:
            stacked: Tensor = getattr(self, self._names[name])
            if name in self._shared:
                own.copy_(stacked)
                continue
            whole: tuple[Any, ...] = (member, *(slice(size) for size in own.shape))
            own.copy_(stacked[whole])
        return policy


class _Call(nn.Module):
    """A function of a policy as a module, which `functional_call` wants."""

    def __init__(self, policy: nn.Module, function: Callable[..., Any]) -> None:
        super().__init__()
        self.policy, self.function = policy, function

    def forward(self, *inputs: Any) -> Any:
        """Call it."""
        return self.function(self.policy, *inputs)


def _shared_tensors(policies: Sequence[RecurrentPolicy]) -> set[str]:
    """Names of the tensors of a frozen encoder, if it is one and the same in all policies."""
    encoders = [policy.encoder for policy in policies]
    if not all(encoder.frozen for encoder in encoders) or len(set(map(digest_of, encoders))) > 1:
        return set()
    first = encoders[0]
    names = (name for name, _ in [*first.named_parameters(), *first.named_buffers()])
    return {f"encoder.{name}" for name in names}


def architecture(policy: RecurrentPolicy) -> str:
    """What policies of one population have in common: whatever is no number in a tensor."""
    config = {} if policy.config is None else policy.config.to_dict()
    core = {k: v for k, v in config.pop("core", {}).items() if k not in _OF_TENSORS}
    config.pop("init_seed", None)
    compression = getattr(policy.core, "compression", None)
    shapes = {n: (_shape(n, p), p.requires_grad) for n, p in policy.named_parameters()}
    return repr((type(policy.core).__name__, config, core, compression, shapes))


def _shape(name: str, parameter: Tensor) -> list[int]:
    shape = list(parameter.shape)
    if (axis := _rank_axis(name)) is not None:
        del shape[axis]  # it is padded
    return shape


def _rank_axis(name: str) -> int | None:
    return _RANK_AXES.get(name.rpartition(".")[2].rpartition("_l")[0])


def _alike(policies: Sequence[RecurrentPolicy]) -> list[RecurrentPolicy]:
    """Copies whose tensors have the same shapes: factors are padded, missing masks are ones."""
    copies = [copy.deepcopy(policy) for policy in policies]
    cores = [policy.core for policy in copies]
    layers = [core for core in cores if isinstance(core, LayerParameters)]
    for depth in range(min((layer.num_layers for layer in layers), default=0)):
        if any(layer.mask(depth) is not None for layer in layers):
            for layer in layers:
                _give_mask(layer, depth)
        for name in _RANK_AXES if layers[0].connectivity.factored else ():
            rank = max(layer.part(name, depth).shape[_RANK_AXES[name]] for layer in layers)
            for layer in layers:
                _pad(layer, f"{name}_l{depth}", _RANK_AXES[name], rank)
    return copies


def _give_mask(layer: LayerParameters, depth: int) -> None:
    if layer.mask(depth) is None:
        wired, like = layer.connectivity, layer.part("weight_ih", depth).detach()
        ones = like.new_ones(wired.gates, wired.rows, wired.columns)
        setattr(layer, f"mask_hh_l{depth}", ones)


def _pad(layer: LayerParameters, name: str, axis: int, rank: int) -> None:
    own = getattr(layer, name)
    pads = [0, 0, 0, 0]
    pads[2 * (own.dim() - 1 - axis) + 1] = rank - own.shape[axis]
    padded = functional.pad(own.detach(), pads)
    setattr(layer, name, nn.Parameter(padded, own.requires_grad))
