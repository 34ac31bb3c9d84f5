"""Other ways to call a layer, beside the plain one: `python -m benchmarks layer-forms`.

Sequences of many `lengths` beside the same call with its padding, and sixteen layers under
`torch.vmap` beside one call for all members. Every such timing is a training update, forward and
backward; both ways must give the same output in this run before a ratio is printed. Beside vmap
stands what PyTorch takes for modules under it that do nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jsonargparse.typing import PositiveInt
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from benchmarks._provenance import RESULTS, device_name, write_csv
from benchmarks._timing import interleave, ratio
from benchmarks.layers import CELLS, RANK, SPARSITY
from lrs_kernels import recurrent_layer
from lrs_lightning.nn import LRSLayer
from lrs_lightning.options.call import call

BATCH, STEPS, INPUTS, HIDDEN, MEMBERS = 32, 32, 128, 64, 16
PRIOR = {"rank": RANK, "sparsity": SPARSITY}
Row = dict[str, object]


def update(run: Callable[[], Tensor], leaves: Sequence[Tensor]) -> Callable[[], None]:
    """Forward, and backward from ones."""
    upstream = torch.ones_like(run().detach())

    def once() -> None:
        for leaf in leaves:
            leaf.grad = None
        run().backward(upstream)

    return once


def of_lengths(cell: str, rounds: int) -> float:
    """Time with lengths from 1 to T, in units of that with all padding."""
    layer = CELLS[cell](INPUTS, HIDDEN, batch_first=True, **PRIOR)
    x, lengths = torch.randn(BATCH, STEPS, INPUTS), torch.randint(1, STEPS + 1, (BATCH,))
    padded, told = layer(x)[0], layer(x, lengths=lengths)[0]
    inside = torch.arange(STEPS) < lengths[:, None]  # (B, T)
    torch.testing.assert_close(told[inside], padded[inside])
    ways = {"padded": lambda: layer(x)[0], "lengths": lambda: layer(x, lengths=lengths)[0]}
    return compared(ways, "lengths", "padded", list(layer.parameters()), rounds)


def of_vmap(cell: str, rounds: int) -> tuple[float, float]:
    """Time of members under vmap, in units of one call that knows the population axis.

    And that of modules with the same tensors that do nothing, forward: PyTorch's own.
    """
    layers = [CELLS[cell](INPUTS, HIDDEN, mask_seed=p, **PRIOR) for p in range(MEMBERS)]
    state, buffers = stack_module_state(layers)
    x = torch.randn(MEMBERS, STEPS, BATCH, INPUTS)

    def one(own: dict[str, Tensor], fixed: dict[str, Tensor], given: Tensor) -> Tensor:
        y: Tensor = functional_call(layers[0], (own, fixed), (given,))[0]
        return y

    idle = Nothing(layers[0])

    def nothing(own: dict[str, Tensor], fixed: dict[str, Tensor], given: Tensor) -> Tensor:
        y: Tensor = functional_call(idle, (own, fixed), (given,))
        return y

    parts = [stacked(layer) for layer in layers]
    weight_ih, bias, w1, w2, mask = (
        torch.stack(part).detach() for part in zip(*parts, strict=True)
    )
    extras = {
        n: torch.stack([e.extras(0)[n] for e in layers]).detach() for n in layers[0].extras(0)
    }
    leaves = [p.requires_grad_() for p in (weight_ih, bias, w1, w2, *extras.values())]

    def population() -> Tensor:
        weight = (w1, w2)
        return recurrent_layer(layers[0].cell, x, weight_ih, bias, weight, mask=mask, **extras)[0]

    ways = {"vmap": lambda: vmap(one)(state, buffers, x), "population": population}
    torch.testing.assert_close(ways["vmap"](), ways["population"]())
    calls = {name: update(run, [*state.values(), *leaves]) for name, run in ways.items()}
    calls["nothing"] = lambda: vmap(nothing)(state, buffers, x)
    timings = interleave(calls, rounds=rounds, warmup=3, seconds=12)
    shares = [round(ratio(timings[n], timings["population"]), 2) for n in ("vmap", "nothing")]
    return shares[0], shares[1]


class Nothing(nn.Module):
    """The parameters and masks of a layer, and an input that comes back as it was."""

    def __init__(self, layer: LRSLayer) -> None:
        super().__init__()
        for name, parameter in layer.named_parameters():
            self.register_parameter(name, parameter)
        for name, mask in layer.named_buffers():
            self.register_buffer(name, mask)

    def forward(self, x: Tensor) -> Tensor:
        """Nothing."""
        return x


def stacked(layer: LRSLayer) -> tuple[Tensor, ...]:
    """W_ih, bias, both factors and mask of a layer."""
    (w1, w2), mask = layer.weight_for_scan(0)
    weight_ih, bias = layer.input_part(0)
    if bias is None or mask is None:
        raise ValueError("the layer has a bias and a mask")
    return weight_ih, bias, w1, w2, mask


def compared(
    ways: dict[str, Callable[[], Tensor]], this: str, that: str, leaves: list[Tensor], rounds: int
) -> float:
    """Ratio of the tenth percentiles of two ways."""
    calls = {name: update(run, leaves) for name, run in ways.items()}
    timings = interleave(calls, rounds=rounds, warmup=3, seconds=12)
    return round(ratio(timings[this], timings[that]), 2)


def main(arguments: list[str]) -> None:
    """Run the section; see `--help`."""
    call(run, "python -m benchmarks layer-forms", arguments)


def run(*, threads: PositiveInt = 1, rounds: PositiveInt = 200, smoke: bool = False) -> None:
    """Measure lengths beside padding, and vmap beside the population axis.

    Writes `results/layer_forms_N_threads.csv`.

    Args:
        threads: threads of torch
        rounds: measurements of each way, as far as 12 seconds reach
        smoke: three rounds, nothing stored
    """
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    print(f"{device_name()}, torch {torch.__version__}, {threads} thread(s)")
    rows: list[Row] = []
    for cell in CELLS:
        mapped, nothing = of_vmap(cell, 3 if smoke else rounds)
        found = {
            "lengths_over_padded": of_lengths(cell, 3 if smoke else rounds),
            "vmap_over_population": mapped,
            "vmap_of_nothing": nothing,
        }
        rows.append({"threads": threads, "cell": cell, **found})
        print("  ".join(f"{name} {value}" for name, value in rows[-1].items()), flush=True)
    if not smoke:
        write_csv(RESULTS / f"layer_forms_{threads}_threads.csv", rows)
