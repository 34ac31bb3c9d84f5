"""Calls of C under `torch.vmap` and no other transform, without a node of `torch.func`.

Such a node serves every transform, and PyTorch flattens its arguments and results, absent ones
too, at each level, which takes twice as long as a small scan itself. Where maps are all there is,
what they hide is taken out by hand, and a plain call runs beneath them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from torch import Tensor
from torch._C import _functorch

Call = Callable[..., Sequence[Tensor]]
"""Takes tensors, or None in the place of absent ones."""
Rule = Callable[[Call, int, Sequence[int | None], Sequence[Tensor | None]], Sequence[Tensor]]
"""A call for all that one map maps over: given the call beneath it, how many there are, the mapped
axis of each part, None where it has none, and the parts. The results have that axis first."""


def only_maps() -> bool:
    """Whether `vmap` is the only transform at work."""
    levels = _functorch.get_interpreter_stack() or ()
    return all(level.key() == _functorch.TransformType.Vmap for level in levels)


def under_maps(call: Call, rule: Rule, parts: Sequence[Tensor | None]) -> tuple[Tensor, ...]:
    """Call beneath all maps that are at work.

    Args:
        call: what runs where no map is left.
        rule: makes one call of those for each member of a map.
        parts: of the call, hidden by the maps.

    Returns:
        What the call returns, mapped as `vmap` expects it.

    """
    if _functorch.peek_interpreter_stack() is None:
        return tuple(call(*parts))
    level = _functorch.current_level()
    found, axes = _unwrapped(parts, level)
    sizes = [
        p.shape[a] for p, a in zip(found, axes, strict=True) if p is not None and a is not None
    ]
    with _beneath():
        if not sizes:
            return under_maps(call, rule, found)
        results = rule(lambda *own: under_maps(call, rule, own), sizes[0], axes, found)
    return tuple([_functorch._add_batch_dim(result, 0, level) for result in results])


def _unwrapped(
    hidden: Sequence[Tensor | None], level: int
) -> tuple[list[Tensor | None], list[int | None]]:
    """What the map of a level hides, and the axis that it maps, None for what it does not."""
    parts: list[Tensor | None] = []
    axes: list[int | None] = []
    for part in hidden:
        own, axis = (None, None) if part is None else _functorch._unwrap_batched(part, level)
        parts.append(own)
        axes.append(axis)
    return parts, axes


@contextmanager
def _beneath() -> Iterator[None]:
    """Without the innermost transform."""
    taken = _functorch.pop_dynamic_layer_stack()
    try:
        yield
    finally:
        _functorch.push_dynamic_layer_stack(taken)
