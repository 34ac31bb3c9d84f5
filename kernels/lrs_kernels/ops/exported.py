"""The scan as `torch.export` records it: operations of PyTorch alone.

A program that has been exported runs where this package is not installed, so neither our operators
nor our kernels may stand in it. The loop over time becomes PyTorch's own scan operator, whose body
is the step that defines the cell: ONNX has it as `Scan`, AOTInductor makes it a loop in C++, and
autograd differentiates it.
"""

from __future__ import annotations

import torch
from torch import Tensor, where, zeros_like

from lrs_kernels.cell import Extras, States, Variant


def exported_scan(
    variant: Variant,
    x_proj: Tensor,
    weight: Tensor,
    states: States,
    resets: Tensor | None,
    extras: Extras,
) -> tuple[Tensor, States]:
    """Run a cell over any number of steps, which need not be known; a single step has no loop.

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
    # Both bring sympy along, which takes a second to import, and no other path needs them.
    from torch._higher_order_ops.scan import scan
    from torch.fx.experimental.symbolic_shapes import statically_known_true

    matrix = weight.flatten(-3, -2).mT  # (P, H, G*H)
    per_unit = {
        name: value.unsqueeze(-2)  # (P, 1, H)
        for name, value in extras.items()
        if variant.extras[name].axes == "H"
    }
    over_time = {"x_proj": x_proj.movedim(-3, 0)}  # (T, P, B, ...) from here on
    if resets is not None:
        over_time["resets"] = resets.movedim(-2, 0).unsqueeze(-1).bool()
    for name in extras.keys() - per_unit.keys():
        over_time[name] = extras[name].movedim(-2, 0).unsqueeze(-1)
    # Inductor allocates what the loop fills from the sizes that its body was handed, so the body
    # asks for the number of rows. In strict mode it must not: Dynamo hands no sizes to a body.
    rows = None if torch.compiler.is_dynamo_compiling() else states[0].shape[-2]

    def step(before: States, given: dict[str, Tensor]) -> tuple[States, Tensor]:
        here = dict(given)
        x, cut = here.pop("x_proj"), here.pop("resets", None)
        if cut is not None:
            before = tuple([where(cut, zeros_like(state), state) for state in before])
        after = variant.reference(x, lambda state: state @ matrix, before, per_unit | here)
        y = after[0] if rows is None else after[0].narrow(-2, 0, rows)
        return after, y.clone()  # nothing that the loop hands out may share memory

    before = tuple([state.contiguous() for state in states])
    if statically_known_true(x_proj.shape[-3] == 1):
        after, y = step(before, {name: value[0] for name, value in over_time.items()})
        return y.unsqueeze(-3), after
    after, outputs = scan(step, before, over_time)
    return outputs.movedim(0, -3), after
