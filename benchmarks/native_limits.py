"""Which products of a layer's training step are faster in C, and which in PyTorch's library.

`lrs_kernels.native.limits` says up to which sizes C multiplies; here one layer takes turns under
limits of each kind. Beyond H, gradients of recurrent matrices come from the library; beyond the
numbers of W_ih, all that has to do with the projection. Run it on a processor of another kind
before its limits are changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest.mock import patch

import torch
from jsonargparse.typing import PositiveInt

from benchmarks._provenance import RESULTS, device_name, write_csv
from benchmarks._timing import interleave
from benchmarks.layers import RANK, SPARSITY, Shape, update
from lrs_kernels.native import limits as native_limits
from lrs_kernels.native.limits import Limits
from lrs_lightning.nn import LRSLSTM, LRSCfC, LRSLayer
from lrs_lightning.options.call import call

ALL = float("inf")
WAYS = {
    "C": Limits(hidden=ALL, rank=ALL, projection=ALL),
    "recurrent": Limits(hidden=0, rank=ALL, projection=ALL),
    "projection": Limits(hidden=ALL, rank=ALL, projection=0),
    "both": Limits(hidden=0, rank=ALL, projection=0),
}
"""What the library multiplies -> under which limits."""
LAYERS: dict[str, type[LRSLayer]] = {"CfC": LRSCfC, "LSTM": LRSLSTM}
SHAPES: list[Shape] = [
    (32, 32, 128, 64), (32, 32, 512, 64), (32, 256, 128, 128), (32, 32, 512, 128),
    (32, 32, 128, 256), (8, 32, 256, 256), (32, 32, 512, 256), (1, 32, 128, 512),
    (1, 32, 512, 512),
]  # fmt: skip
"""B, T, I, H"""


@contextmanager
def under(limits: Limits) -> Iterator[None]:
    """Multiply in C up to these sizes, whatever the processor."""
    names = [name for name, value in vars(native_limits).items() if isinstance(value, Limits)]
    try:
        native_limits.limits.cache_clear()
        with patch.multiple(native_limits, **dict.fromkeys(names, limits)):
            yield
    finally:
        native_limits.limits.cache_clear()


def measure(cell: str, shape: Shape, rounds: int) -> dict[str, object]:
    """One line of the table: milliseconds of C, and how many times as long the others take."""
    batch, steps, inputs, hidden = shape
    layer = LAYERS[cell](inputs, hidden, rank=RANK, sparsity=SPARSITY, batch_first=True)
    step = update(layer, torch.randn(batch, steps, inputs))

    def under_each(limits: Limits) -> Callable[[], None]:
        def run() -> None:
            with under(limits):
                step()

        return run

    sides = {name: under_each(limits) for name, limits in WAYS.items()}
    times = interleave(sides, rounds=rounds, warmup=2, seconds=2)
    alone = times["C"].p10
    row: dict[str, object] = {
        "threads": torch.get_num_threads(),
        "cell": cell,
        **dict(zip(("B", "T", "I", "H"), shape, strict=True)),
        "numbers_of_w_ih": layer.gates * hidden * inputs,
        "c_ms": round(1e3 * alone, 3),
    }
    others = {f"{k}_over_c": round(t.p10 / alone, 2) for k, t in times.items() if k != "C"}
    return row | others


def main(arguments: list[str]) -> None:
    """Run the section; see `--help`."""
    call(run, "python -m benchmarks native-limits", arguments)


def run(*, threads: PositiveInt = 1, rounds: PositiveInt = 15, smoke: bool = False) -> None:
    """Time a layer's training step with its products in C and in PyTorch's library.

    Writes `results/native_limits.csv`.

    Args:
        threads: threads of torch
        rounds: measurements of each side
        smoke: one size, two rounds, nothing stored
    """
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    print(f"{device_name()}, torch {torch.__version__}, {threads} thread(s)")
    rows = []
    for cell in LAYERS:
        for shape in SHAPES[:1] if smoke else SHAPES:
            rows.append(measure(cell, shape, 2 if smoke else rounds))
            print("  ".join(f"{key} {value}" for key, value in rows[-1].items()), flush=True)
    if not smoke:
        write_csv(RESULTS / "native_limits.csv", rows)
