"""An update of many members: the norm of each one's gradient, clipping, AdamW with its own rate.

The optimiser works on views of the stacked parameters, one for each member: a learning rate and a
weight decay of its own are then nothing but a parameter group, a member that has stopped is one
without gradients, and no slice ever stands in autograd's graph.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

Stacked = Mapping[str, nn.Parameter]
"""Name of a parameter of a policy -> that of all members of a stack, `(P, ...)`."""
Views = dict[str, nn.Parameter]
"""The same of one member, which shares its memory."""


def member_views(stacked: Stacked, size: int) -> list[Views]:
    """For each member the parameters as views, which share the stacked tensors' memory."""
    views: list[Views] = [{} for _ in range(size)]
    for name, parameter in stacked.items():
        if parameter.requires_grad:
            for own, part in zip(views, parameter.detach().unbind(0), strict=True):
                own[name] = nn.Parameter(part)
    return views


def parameter_groups(views: Views, lr: float, decay: float) -> list[Any]:
    """AdamW's groups of one member: matrices, and biases and other vectors, which do not decay."""
    matrices = [p for p in views.values() if p.dim() > 1]
    vectors = [p for p in views.values() if p.dim() <= 1]
    return [
        {"params": matrices, "lr": lr, "weight_decay": decay},
        {"params": vectors, "lr": lr, "weight_decay": 0.0},
    ]


def joined(groups: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Groups of many members, those with the same options as one: a GPU takes launches for each."""
    found: dict[tuple[Any, ...], Any] = {}
    for group in groups:
        options = {key: value for key, value in group.items() if key != "params"}
        whole = found.setdefault(tuple(sorted(options.items())), {"params": [], **options})
        whole["params"] += group["params"]
    return [group for group in found.values() if group["params"]]


@torch.no_grad()
def clip(stacked: Stacked, limit: float | None, algorithm: str | None) -> Tensor:
    """Clip the gradient of each member by itself, as `clip_grad_norm_` does for one.

    Args:
        stacked: parameters with gradients.
        limit: largest norm, or largest value; None or 0 for no clipping.
        algorithm: `"norm"`, the default, or `"value"`.

    Returns:
        The norm of each member's gradient before that, `(P,)`.
    """
    gradients = [p.grad for p in stacked.values() if p.grad is not None]
    each = [torch.linalg.vector_norm(g.flatten(1), dim=1) for g in gradients]  # (P,) of each tensor
    norms: Tensor = torch.linalg.vector_norm(torch.stack(each), dim=0)  # (P,)
    if limit and algorithm in (None, "norm"):
        share = (limit / (norms + 1e-6)).clamp(max=1.0)
        for gradient in gradients:
            gradient.mul_(share.view(-1, *[1] * (gradient.dim() - 1)))
    elif limit:
        for gradient in gradients:
            gradient.clamp_(-limit, limit)
    return norms


def hand_out(stacked: Stacked, views: Sequence[Views], allowed: Sequence[bool]) -> None:
    """Give each member's views its part of the gradients; none where no update is allowed."""
    for name, parameter in stacked.items():
        if parameter.grad is None:
            continue
        for own, part, good in zip(views, parameter.grad.unbind(0), allowed, strict=True):
            own[name].grad = part if good else None
