"""One decision of a control loop: how long a whole policy takes for a single robot.

`python -m benchmarks step [--smoke]`. Every provider acts on the same observations, one row at a
time, raw observation in and action out, and takes its state along; each is compared with the
policy before it is timed. Providers take turns in short runs, so that a busy moment hits all.
"""

from __future__ import annotations

import os

# One product of a small matrix is no work for two threads; NumPy reads this once, when imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import gc
import importlib.util
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from gymnasium.spaces import Box
from jsonargparse.typing import PositiveInt
from numpy.typing import NDArray

from benchmarks._provenance import RESULTS, device_name, write_csv
from lrs_kernels.graph_step import GraphedStep
from lrs_lightning.data import Task
from lrs_lightning.deployment import export_policy
from lrs_lightning.deployment.numpy_policy import Policy as NumpyPolicy
from lrs_lightning.deployment.onnx_loop import OnnxLoop
from lrs_lightning.nn import RecurrentPolicy, build_policy
from lrs_lightning.options.call import call

SIZES = (64, 128, 256)
CELLS: tuple[Literal["cfc", "lstm", "gru", "rnn"], ...] = ("cfc", "lstm", "gru", "rnn")
OBSERVATIONS, ACTIONS = 17, 6  # as HalfCheetah
IN_A_ROW = 200

Array = NDArray[np.float32]
Act = Callable[[Array], Array]
"""From an observation `(O,)` to an action `(A,)`."""


def eager(policy: RecurrentPolicy, device: str = "cpu") -> Act:
    """PyTorch, operation by operation."""
    state = policy.initial_state(1)

    def act(observation: Array) -> Array:
        nonlocal state
        with torch.inference_mode():
            out, state = policy.step(torch.from_numpy(observation)[None].to(device), state)
            return np.asarray(out[0].cpu().numpy())

    return act


def graph(policy: RecurrentPolicy) -> Act:
    """PyTorch, its operations replayed by the GPU from one launch."""
    first = policy.initial_state(1)
    parts = (first,) if isinstance(first, torch.Tensor) else tuple(first)

    def step(x: torch.Tensor, *state: torch.Tensor) -> tuple[torch.Tensor, ...]:
        out, after = policy.step(x, state[0] if len(state) == 1 else state)
        return (out, *((after,) if isinstance(after, torch.Tensor) else after))

    replayed = GraphedStep(step, torch.zeros(1, OBSERVATIONS, device="cuda"), *parts)

    def act(observation: Array) -> Array:
        nonlocal parts
        out, *after = replayed(torch.from_numpy(observation)[None].cuda(), *parts)
        parts = tuple(after)
        return np.asarray(out[0].cpu().numpy())

    return act


def onnx(policy: RecurrentPolicy, task: Task, folder: Path, reset: bool = True) -> Act:
    """The exported file in onnxruntime, with or without the input that zeroes its state."""
    loop = OnnxLoop(export_policy(policy, task, folder, "onnx", reset=reset).path)
    return lambda observation: np.asarray(loop(observation[None])[0])


def numpy(policy: RecurrentPolicy, task: Task, folder: Path) -> Act:
    """The exported weights in their module."""
    return NumpyPolicy(export_policy(policy, task, folder, "numpy").path)


def providers(cell: str, hidden: int, folder: Path) -> dict[str, Act]:
    """Everything that can act here, with the same weights."""
    box = Box(-1, 1, (OBSERVATIONS,), np.float32), Box(-1, 1, (ACTIONS,), np.float32)
    task = Task.of("Timed-v0", *box)
    config = {"core": {"name": cell, "hidden_size": hidden}, "init_seed": 0}
    policy = build_policy(config, *box).eval()
    found = {"eager": eager(policy), "numpy": numpy(policy, task, folder)}
    if importlib.util.find_spec("onnxscript") and importlib.util.find_spec("onnxruntime"):
        found["onnxruntime"] = onnx(policy, task, folder)
        found["onnxruntime, no reset"] = onnx(policy, task, folder, reset=False)
    if torch.cuda.is_available():
        on_gpu = build_policy(config, *box).eval().cuda()
        found |= {"eager, GPU": eager(on_gpu, "cuda"), "CUDA graph": graph(on_gpu)}
    return found


def check(found: dict[str, Act], observations: Array) -> None:
    """Raise unless all act alike over an episode."""
    actions = {name: np.stack([act(x) for x in observations]) for name, act in found.items()}
    for name, theirs in actions.items():
        # A GPU's products are rounded in another order, and perhaps to fewer digits.
        near = 1e-3 if "GPU" in name or "CUDA" in name else 1e-5
        np.testing.assert_allclose(theirs, actions["eager"], rtol=0, atol=near, err_msg=name)


def measure(found: dict[str, Act], observations: Array, steps: int) -> dict[str, Array]:
    """Microseconds of every step, by provider."""
    taken: dict[str, list[int]] = {name: [] for name in found}
    gc.collect()
    gc.disable()  # a loop that must be in time does so too
    try:
        for begin in range(0, steps, IN_A_ROW):
            for name, act in found.items():
                durations = taken[name]
                for step in range(begin, min(begin + IN_A_ROW, steps)):
                    x = observations[step % len(observations)]
                    started = time.perf_counter_ns()
                    act(x)
                    durations.append(time.perf_counter_ns() - started)
    finally:
        gc.enable()
    return {name: np.array(values, np.float32) / 1e3 for name, values in taken.items()}


def main(arguments: list[str]) -> None:
    """Run the section; see `--help`."""
    call(run, "python -m benchmarks step", arguments)


def run(
    *,
    cells: Sequence[Literal["cfc", "lstm", "gru", "rnn"]] = CELLS,
    hidden: Sequence[PositiveInt] = SIZES,
    steps: PositiveInt = 20_000,
    smoke: bool = False,
) -> None:
    """Time one step of whole policies at batch 1: PyTorch, onnxruntime, NumPy, CUDA graphs.

    Writes `results/step.csv`, on a GPU `results/step_gpu.csv`: median, 99th percentile and worst,
    in microseconds.

    Args:
        cells: of the policies
        hidden: units of their recurrent layers
        steps: steps of each provider
        smoke: one cell and size, a thousand steps, nothing stored
    """
    if smoke:
        cells, hidden, steps = cells[:1], hidden[:1], 1000
    torch.set_num_threads(1)
    print(f"{device_name()}, torch {torch.__version__}, numpy {np.__version__}, 1 thread")
    draw = np.random.default_rng(0)
    observations = draw.standard_normal((1000, OBSERVATIONS)).astype(np.float32)
    rows = []
    for cell, units in product(cells, map(int, hidden)):  # an export holds plain numbers alone
        with tempfile.TemporaryDirectory() as folder:
            found = providers(cell, units, Path(folder))
            check(found, observations[:200])
            times = measure(found, observations, steps)
        for name, taken in times.items():
            rows.append(row(cell, units, name, taken))
            print("  ".join(f"{key} {value}" for key, value in rows[-1].items()), flush=True)
    if not smoke:
        gpu = "_gpu" * torch.cuda.is_available()
        write_csv(RESULTS / f"step{gpu}.csv", rows)


def row(cell: str, hidden: int, provider: str, taken: Array) -> dict[str, object]:
    """One line of the table."""
    p50, p99 = np.percentile(taken, [50, 99])
    return {
        "cell": cell,
        "H": hidden,
        "provider": provider,
        "steps": len(taken),
        "p50_us": round(float(p50), 1),
        "p99_us": round(float(p99), 1),
        "worst_us": round(float(taken.max()), 1),
    }
