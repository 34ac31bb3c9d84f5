"""An update of P policies side by side, beside P updates of single policies.

The policies are those of the default `fit` on HalfCheetah (CfC, H 64, 128 features) over a plane of
rank and sparsity. Both sides do what training does between two batches: forward, loss, backward,
clipping, AdamW, and a look at losses and norms, as the guard takes it. They are compared before
they are timed, and take turns. Lightning's loop, which costs a single `fit` more of its time, is
left out of both. On a CPU as many multiplications in products of the largest layer's size stand
beside them, at the rate of the faster library: what is left of an update is its arithmetic there.

On a GPU each side also runs with forward and backward pass as a CUDA graph, as a population does
with `--population.graph=true` and a single `fit` with `--model.graph=true`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from gymnasium.spaces import Box
from jsonargparse.typing import PositiveInt
from torch import Tensor
from torch.nn import functional

from benchmarks._provenance import RESULTS, device_name, write_csv
from benchmarks._timing import Timing, ratio
from lrs_kernels.native.linear import has_rowwise_linear, rowwise_linear
from lrs_lightning.data import WindowBatch
from lrs_lightning.errors import ArgumentError
from lrs_lightning.nn import PolicyConfig, RecurrentPolicy, build_policy, cores
from lrs_lightning.options.call import call
from lrs_lightning.training.graph import RecordedLosses, record
from lrs_lightning.training.losses import imitation_loss
from lrs_lightning.training.population.stacks import MemberStacks
from lrs_lightning.training.population.updates import joined, parameter_groups

SPACES = Box(-1, 1, (17,)), Box(-1, 1, (6,))
PLANE = [(rank, sparsity) for rank in (1, 2, 4, 8, 32) for sparsity in (0.0, 0.2, 0.5, 0.8, 0.9)]
WINDOW, LR, DECAY, CLIP = (32, 32), 3e-3, 1e-4, 1.0
LAYERS = (17, 128), (128, 3 * 64), (64, 3 * 64), (64, 6)  # encoder, cell of three gates, head
DTYPE = torch.float32
Update = Callable[[], None]


@dataclass
class Singles:
    """P loops of single policies, one update each."""

    policies: list[RecurrentPolicy]
    batch: WindowBatch
    graph: bool = False

    def __post_init__(self) -> None:
        groups = [parameter_groups(dict(p.named_parameters()), LR, DECAY) for p in self.policies]  # type: ignore[arg-type]
        self.optimizers = [torch.optim.AdamW(group, fused=True) for group in groups]
        self.recorded = [self._record(policy) for policy in self.policies if self.graph]

    def __call__(self) -> None:
        for number, (policy, optimizer) in enumerate(
            zip(self.policies, self.optimizers, strict=True)
        ):
            optimizer.zero_grad()
            loss = self._differentiate(number)
            norm = torch.nn.utils.clip_grad_norm_(policy.parameters(), CLIP)
            _look(loss, norm)
            optimizer.step()

    def _differentiate(self, number: int) -> Tensor:
        policy = self.policies[number]
        if not self.graph:
            loss = _loss(policy, self.batch)
            loss.backward()
            return loss.detach()
        recorded = self.recorded[number]
        recorded([self.batch])
        recorded.hand_out()
        return recorded.losses[0]

    def _record(self, policy: RecurrentPolicy) -> RecordedLosses:
        parameters = list(policy.parameters())
        return RecordedLosses(lambda own: [_loss(policy, own[0])], parameters)


@dataclass
class Together:
    """The same policies in stacks."""

    policies: list[RecurrentPolicy]
    batch: WindowBatch
    threads: int = 1
    graph: bool = False

    def __post_init__(self) -> None:
        self.stacks = MemberStacks(self.policies, self.threads)
        groups = [g for v in self.stacks.make_views() for g in parameter_groups(v, LR, DECAY)]
        self.optimizer = torch.optim.AdamW(joined(groups), fused=True)
        if self.graph:
            self.stacks.record_with(record)

    def __call__(self) -> None:
        for module in self.stacks.modules():
            module.zero_grad()
        count = len(self.policies)
        losses = self.stacks.losses([self.batch], [0] * count)
        self.stacks.differentiate(losses, 1.0)
        norms = self.stacks.clip(CLIP, "norm")
        _look(self.stacks.by_member([loss.detach() for loss in losses]), norms)
        self.stacks.hand_out([True] * count)
        self.optimizer.step()


class Multiplications:
    """As many multiplications as an update of P members has, over and over the same few numbers.

    Each layer multiplies three times: outputs, gradients of weights, gradients of inputs, which the
    first does without. Factors of weights, activations and the optimiser are left out. The products
    are those of PyTorch's library or of the C beside the scans, whichever is faster here.
    """

    def __init__(self, members: int, threads: int) -> None:
        passes = 3 * sum(i * o for i, o in LAYERS) - math.prod(LAYERS[0])
        (inputs, outputs), rows = max(LAYERS, key=math.prod), math.prod(WINDOW)
        self._x, self._weight = torch.randn(rows, inputs), torch.randn(outputs, inputs)
        self._times = [round(members * passes / (inputs * outputs) / threads)] * threads
        ways = [functional.linear, *([rowwise_linear] if has_rowwise_linear() else [])]
        self._way = min(ways, key=lambda way: _least_time(lambda: way(self._x, self._weight)))
        # A new thread would multiply on all cores, whatever the first one was told.
        self._pool = ThreadPoolExecutor(threads, initializer=partial(torch.set_num_threads, 1))

    def __call__(self) -> None:
        for _ in self._pool.map(self._multiply, self._times):
            pass

    def _multiply(self, times: int) -> None:
        for _ in range(times):
            self._way(self._x, self._weight)


def _least_time(call: Callable[[], object], calls: int = 20) -> float:
    taken = []
    for _ in range(calls):
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return min(taken)


def _loss(policy: RecurrentPolicy, batch: WindowBatch) -> Tensor:
    outputs, _ = policy.unroll(batch.observations)
    return imitation_loss(outputs, batch.labels, batch.loss_mask)


def _look(losses: Tensor, norms: Tensor) -> None:
    """What the guard of `fit` does in every update, which waits for a GPU."""
    losses.tolist()
    norms.tolist()


def policies(count: int, device: str = "cpu", dtype: torch.dtype = DTYPE) -> list[RecurrentPolicy]:
    """Points of the plane, again and again with other seeds."""
    made = []
    for number in range(count):
        rank, sparsity = PLANE[number % len(PLANE)]
        core = cores.CfC(rank=rank, sparsity=sparsity, mask_seed=number)
        policy = build_policy(PolicyConfig(core=core, init_seed=number), *SPACES)
        made.append(policy.to(device, dtype))
    return made


def windows(device: str = "cpu", dtype: torch.dtype = DTYPE) -> WindowBatch:
    """A batch of noise, of the size of `fit`'s."""
    parts = torch.randn(*WINDOW, 17), torch.rand(*WINDOW, 6) - 0.5, torch.ones(*WINDOW)
    return WindowBatch(*(part.to(device, dtype) for part in parts))


def check(count: int, device: str) -> None:
    """Raise unless all sides end alike after three updates, in float64."""
    batch = windows(device, torch.float64)

    def made() -> list[RecurrentPolicy]:
        return policies(count, device, torch.float64)

    single = Singles(made(), batch)
    others = [Together(made(), batch, 2)] if device == "cpu" else [
        Together(made(), batch), Together(made(), batch, graph=True)
    ]  # fmt: skip
    for update in (single, *others) * 3:
        update()
    for together in others:
        together.stacks.copy_to(together.policies)
        for one, other in zip(single.policies, together.policies, strict=True):
            for mine, theirs in zip(one.parameters(), other.parameters(), strict=True):
                torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-8)


def measure(found: dict[str, Update], rounds: int) -> dict[str, tuple[Timing, Timing]]:
    """Wall and CPU time of a call of each, in turns; a GPU is waited for."""
    taken: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in found}
    for turn in range(rounds + 2):
        for name, update in found.items():
            wall, cpu = time.perf_counter(), time.process_time()
            update()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            if turn >= 2:
                taken[name][0].append(time.perf_counter() - wall)
                taken[name][1].append(time.process_time() - cpu)
    return {name: (Timing.of(wall), Timing.of(cpu)) for name, (wall, cpu) in taken.items()}


def sides(members: int, device: str) -> dict[str, Update]:
    """What is timed, by name."""
    batch = windows(device)

    def made() -> list[RecurrentPolicy]:
        return policies(members, device)

    found: dict[str, Update] = {"single loops": Singles(made(), batch)}
    if device == "cpu":
        for threads in (1, 2):
            found[f"population, {threads} threads"] = Together(made(), batch, threads)
            found[f"its arithmetic, {threads} threads"] = Multiplications(members, threads)
        return found
    found["single loops, graphs"] = Singles(made(), batch, graph=True)
    found["population"] = Together(made(), batch)
    found["population, graph"] = Together(made(), batch, graph=True)
    return found


def main(arguments: list[str]) -> None:
    """Run the section; see `--help`."""
    call(run, "python -m benchmarks population", arguments)


def run(
    *,
    members: PositiveInt = 25,
    rounds: PositiveInt = 40,
    device: Literal["cpu", "cuda"] = "cpu",
    smoke: bool = False,
) -> None:
    """Time an update of many policies, side by side and one after the other.

    Writes `results/population.csv`, or `population_gpu.csv`: milliseconds of wall and CPU for a
    member and update, in float32 as `fit` has it by default.

    Args:
        members: policies, P
        rounds: updates of each side
        device: where the policies are
        smoke: two members, two rounds, nothing stored
    """
    members, rounds = (2, 2) if smoke else (members, rounds)
    if device == "cuda" and not torch.cuda.is_available():
        raise ArgumentError("--device=cuda needs a GPU that PyTorch sees, and there is none")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    check(min(members, 4), device)
    print(
        f"{device_name()}, torch {torch.__version__}, {members} members, {rounds} rounds",
        flush=True,
    )
    times = measure(sides(members, device), rounds)
    rows = []
    for provider, (wall, cpu) in times.items():
        scale = 1e3 / members
        rows.append(
            {
                "provider": provider,
                "members": members,
                "wall_ms_p10": round(wall.p10 * scale, 3),
                "wall_ms_median": round(wall.median * scale, 3),
                "cpu_ms_p10": round(cpu.p10 * scale, 3),
                "single_over_this": round(ratio(times["single loops"][0], wall), 2),
                "calls": wall.calls,
            }
        )
        print("  ".join(f"{key} {value}" for key, value in rows[-1].items()), flush=True)
    if not smoke:
        write_csv(RESULTS / f"population{'_gpu' if device == 'cuda' else ''}.csv", rows)
