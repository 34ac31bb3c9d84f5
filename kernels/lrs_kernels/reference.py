"""The plain loop over time, for every cell: the judge of all faster paths.

In the dtype of its inputs, differentiated by autograd as often as one likes, with every option. It
is slow on purpose: nothing here is shared with the code it judges.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from lrs_kernels.cell import Extra, Extras, States, Variant


def reference_scan(
    variant: Variant,
    x_proj: Tensor,
    weight: Tensor,
    states: States,
    resets: Tensor | None = None,
    extras: Extras | None = None,
) -> tuple[Tensor, States]:
    """Run a cell step by step.

    Args:
        variant: which equations.
        x_proj: projected inputs, `(P, T, B, G*H)`.
        weight: effective recurrent matrices, mask applied, `(P, G, H, H)`.
        states: initial states, `(P, B, H)` each.
        resets: true where the states are zeroed before step t, `(P, T, B)`.
        extras: further inputs of the cell by name.

    Returns:
        The first state after every step, `(P, T, B, H)`, and all final states.

    """
    given, outputs = extras or {}, []
    matrix = weight.flatten(-3, -2).mT  # (P, H, G*H)
    for t, x in enumerate(x_proj.unbind(-3)):
        if resets is not None:
            cut = resets.select(-2, t).unsqueeze(-1).bool()
            states = tuple(torch.where(cut, torch.zeros_like(state), state) for state in states)
        here = _at_step(given, variant.extras, t)
        states = variant.reference(x, lambda state: state @ matrix, states, here)
        outputs.append(states[0])
    return torch.stack(outputs, dim=-3), states


def _at_step(extras: Extras, kinds: Mapping[str, Extra], t: int) -> dict[str, Tensor]:
    """The extra inputs as a step reads them: `(P, B, 1)` per row, `(P, 1, H)` per unit."""
    return {
        name: value.unsqueeze(-2) if kinds[name].axes == "H" else value.select(-2, t).unsqueeze(-1)
        for name, value in extras.items()
    }
