"""An update of P policies side by side, beside P updates of single policies.

The policies are those of the default `fit` on HalfCheetah (CfC, H 64, 128 features) over a plane of
rank and sparsity. Both sides do what training does between two batches: forward, loss, backward,
clipping, AdamW. They are compared before they are timed, and take turns. Lightning's loop, which
costs a single `fit` more of its time, is left out of both.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from gymnasium.spaces import Box
from jsonargparse.typing import PositiveInt

from benchmarks._provenance import RESULTS, device_name, write_csv
from benchmarks._timing import Timing, ratio
from lrs_lightning.data import WindowBatch
from lrs_lightning.nn import PolicyConfig, RecurrentPolicy, build_policy, cores
from lrs_lightning.options.call import call
from lrs_lightning.training.losses import imitation_loss
from lrs_lightning.training.population.stacks import MemberStacks
from lrs_lightning.training.population.updates import parameter_groups

SPACES = Box(-1, 1, (17,)), Box(-1, 1, (6,))
PLANE = [(rank, sparsity) for rank in (1, 2, 4, 8, 32) for sparsity in (0.0, 0.2, 0.5, 0.8, 0.9)]
WINDOW, LR, DECAY, CLIP = (32, 32), 3e-3, 1e-4, 1.0
Update = Callable[[], None]


@dataclass
class Singles:
    """P loops of single policies, one update each."""

    policies: list[RecurrentPolicy]
    batch: WindowBatch

    def __post_init__(self) -> None:
        groups = [parameter_groups(dict(p.named_parameters()), LR, DECAY) for p in self.policies]  # type: ignore[arg-type]
        self.optimizers = [torch.optim.AdamW(group, fused=True) for group in groups]

    def __call__(self) -> None:
        for policy, optimizer in zip(self.policies, self.optimizers, strict=True):
            optimizer.zero_grad()
            outputs, _ = policy.unroll(self.batch.observations)
            imitation_loss(outputs, self.batch.labels, self.batch.loss_mask).backward()
            torch.nn.utils.clip_grad_norm_(policy.parameters(), CLIP)
            optimizer.step()


@dataclass
class Together:
    """The same policies in stacks."""

    policies: list[RecurrentPolicy]
    batch: WindowBatch
    threads: int

    def __post_init__(self) -> None:
        self.stacks = MemberStacks(self.policies, self.threads)
        groups = [g for v in self.stacks.make_views() for g in parameter_groups(v, LR, DECAY)]
        self.optimizer = torch.optim.AdamW(groups, fused=True)

    def __call__(self) -> None:
        for module in self.stacks.modules():
            module.zero_grad()
        count = len(self.policies)
        losses = self.stacks.losses([self.batch], [0] * count)
        self.stacks.differentiate(losses, 1.0)
        self.stacks.clip(CLIP, "norm")
        self.stacks.hand_out([True] * count)
        self.optimizer.step()


def policies(count: int) -> list[RecurrentPolicy]:
    """Points of the plane, again and again with other seeds."""
    made = []
    for number in range(count):
        rank, sparsity = PLANE[number % len(PLANE)]
        core = cores.CfC(rank=rank, sparsity=sparsity, mask_seed=number)
        made.append(build_policy(PolicyConfig(core=core, init_seed=number), *SPACES))
    return made


def windows() -> WindowBatch:
    """A batch of noise, of the size of `fit`'s."""
    labels = torch.rand(*WINDOW, 6) - 0.5
    return WindowBatch(torch.randn(*WINDOW, 17), labels, torch.ones(*WINDOW))


def check(count: int, batch: WindowBatch) -> None:
    """Raise unless both sides end alike after three updates."""
    single, together = Singles(policies(count), batch), Together(policies(count), batch, 2)
    for _ in range(3):
        single()
        together()
    together.stacks.copy_to(together.policies)
    for one, other in zip(single.policies, together.policies, strict=True):
        for mine, theirs in zip(one.parameters(), other.parameters(), strict=True):
            torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-4)


def measure(found: dict[str, Update], rounds: int) -> dict[str, tuple[Timing, Timing]]:
    """Wall and CPU time of a call of each, in turns."""
    taken: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in found}
    for turn in range(rounds + 2):
        for name, update in found.items():
            wall, cpu = time.perf_counter(), time.process_time()
            update()
            if turn >= 2:
                taken[name][0].append(time.perf_counter() - wall)
                taken[name][1].append(time.process_time() - cpu)
    return {name: (Timing.of(wall), Timing.of(cpu)) for name, (wall, cpu) in taken.items()}


def main(arguments: list[str]) -> None:
    """Run the section; see `--help`."""
    call(run, "python -m benchmarks population", arguments)


def run(*, members: PositiveInt = 25, rounds: PositiveInt = 40, smoke: bool = False) -> None:
    """Time an update of many policies, side by side and one after the other.

    Writes `results/population.csv`: milliseconds of wall and CPU for a member and update.

    Args:
        members: policies, P
        rounds: updates of each side
        smoke: two members, two rounds, nothing stored
    """
    members, rounds = (2, 2) if smoke else (members, rounds)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    batch = windows()
    check(min(members, 4), batch)
    found: dict[str, Update] = {"single loops": Singles(policies(members), batch)}
    for threads in (1, 2):
        found[f"population, {threads} threads"] = Together(policies(members), batch, threads)
    print(f"{device_name()}, torch {torch.__version__}, {members} members, {rounds} rounds")
    times = measure(found, rounds)
    rows = []
    for name, (wall, cpu) in times.items():
        scale = 1e3 / members
        rows.append(
            {
                "provider": name,
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
        write_csv(RESULTS / "population.csv", rows)
