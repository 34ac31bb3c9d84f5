"""Behaviour cloning of Breakout on public demonstrations: LRS-CfC, dense CfC and ncps' own CfC.

All stand behind the same convolutional head, see the same windows in the same order, and are judged
on the 500 held-out windows and in closed loop. For each seed the head is trained once, with logits
of its own and no core, on the same training windows, and then frozen: its features are computed
once, and two cores suffice. With `--end-to-end` each model trains a head of its own, which wants a
GPU. `memoryless` has a dense layer in the core's place: what is gained over it, memory gained. A
line is written for each finished run, so that a run that was stopped goes on where it was.

    python -m lrs_lightning import --format ncps-npz --source FOLDER --out breakout
    python -m benchmarks breakout-bc --store breakout
"""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jsonargparse.typing import PositiveInt
from torch import Tensor, nn

from benchmarks._provenance import RESULTS, provenance
from lrs_lightning.data import DemonstrationStore, FrameWindows, Task
from lrs_lightning.nn import LRSCfC, pixel_encoder
from lrs_lightning.options.call import call
from lrs_lightning.rollout import TorchPolicy, rollout
from lrs_lightning.training.losses import imitation_loss

FEATURES, HIDDEN, BATCH, RATE = 256, 64, 32, 3e-3
HEAD_BATCH, HEAD_RATE = 8, 1e-3
COLUMNS = [
    "model", "seed", "core_parameters", "updates", "train_seconds", "val_loss", "val_accuracy",
    "return_mean", "return_sd", "episodes", "capped",
]  # fmt: skip


@dataclass(frozen=True)
class Core:
    """What stands between head and logits."""

    module: nn.Module
    hidden: int


class Player(nn.Module):
    """Head, core and logits, with the interface of a policy."""

    def __init__(self, head: nn.Module, core: Core, actions: int, frozen: bool) -> None:
        super().__init__()
        self.encoder, self.core = head, core.module
        self.head = nn.Linear(core.hidden, actions)
        self.hidden, self.frozen = core.hidden, frozen
        self.encoder.requires_grad_(not frozen)

    def unroll(self, seen: Tensor) -> Tensor:
        """Logits `(B, T, A)` for features `(B, T, F)` of a frozen head, or for frames."""
        features = seen if self.frozen else self.encoder(seen)
        logits: Tensor = self.head(self.core(features)[0])
        return logits

    def initial_state(self, batch: int) -> Tensor:
        """`(N, H)`."""
        return torch.zeros(batch, self.hidden)

    def step(self, frames: Tensor, state: Tensor, resets: Tensor) -> tuple[Tensor, Tensor]:
        """Logits `(N, A)` for stacks `(N, S, H, W)`."""
        state = torch.where(resets[:, None], 0, state)
        layered = isinstance(self.core, LRSCfC)
        y, state = self.core(self.encoder(frames)[:, None], state[None] if layered else state)
        return self.head(y[:, 0]), state[0] if layered else state


class Memoryless(nn.Module):
    """A dense layer with the interface of a core."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(FEATURES, HIDDEN)

    def forward(self, features: Tensor, state: Tensor | None = None) -> tuple[Tensor, Any]:
        """`(B, T, F)` to `(B, T, H)`; the state passes by."""
        return torch.tanh(self.dense(features)), state


def _ncps() -> nn.Module:
    from ncps.torch import CfC

    core: nn.Module = CfC(FEATURES, HIDDEN, batch_first=True)  # a backbone of 128, its default
    return core


def _lrs(seed: int, hidden: int) -> Core:
    made = LRSCfC(FEATURES, hidden, rank=8, sparsity=0.5, mask_seed=seed, batch_first=True)
    return Core(made, hidden)


MODELS: dict[str, Callable[[int], Core]] = {
    "memoryless": lambda seed: Core(Memoryless(), HIDDEN),
    "lrs-cfc": lambda seed: _lrs(seed, HIDDEN),
    # As many parameters as ncps' core: what is saved in the recurrence goes into units.
    "lrs-cfc-90": lambda seed: _lrs(seed, 90),
    "dense-cfc": lambda seed: Core(
        LRSCfC(FEATURES, HIDDEN, rank=None, sparsity=0.0, batch_first=True), HIDDEN
    ),
    "ncps-cfc": lambda seed: Core(_ncps(), HIDDEN),
}


@dataclass
class Part:
    """Windows of one part of the data: frames read when asked for, or features held in memory."""

    windows: FrameWindows
    features: Tensor | None

    def batches(self, order: Any, size: int = BATCH) -> Iterator[tuple[Tensor, Tensor]]:
        """What is seen `(B, T, ...)` and the labels `(B, T)` of windows by number."""
        starts = self.windows.tiles()
        for at in range(0, len(order), size):
            chosen = order[at : at + size]
            if self.features is None:
                batch = self.windows[starts[chosen]]
                yield batch.observations, batch.labels
            else:
                steps, _ = self.windows.index.gather(starts[chosen])
                yield self.features[torch.from_numpy(chosen)], self.windows.labels[steps]

    def __len__(self) -> int:
        return len(self.windows.tiles())


@torch.inference_mode()
def encode(windows: FrameWindows, head: nn.Module) -> Tensor:
    """Features of all windows `(W, T, F)`."""
    starts, found = windows.tiles(), []
    for at in range(0, len(starts), 8):
        found.append(head(windows[starts[at : at + 8]].observations))
    return torch.cat(found)


def clone_head(task: Task, windows: FrameWindows, epochs: int, seed: int) -> nn.Module:
    """A head that was trained on single stacks, with logits of its own that are thrown away."""
    torch.manual_seed(seed)
    head = pixel_encoder("small", task.observation_space, FEATURES, normalize=True)
    logits = nn.Sequential(head, nn.Linear(FEATURES, task.actions or 0))
    fit(logits, logits, Part(windows, None), epochs, seed, HEAD_BATCH, HEAD_RATE)
    return head.eval().requires_grad_(False)


def fit(
    model: nn.Module,
    unroll: Callable[[Tensor], Tensor],
    part: Part,
    epochs: int,
    seed: int,
    batch: int = BATCH,
    rate: float = RATE,
) -> int:
    """AdamW with one cycle over the windows, in an order that only the seed decides."""
    rng, updates = np.random.default_rng(seed), 0
    wanted = [p for p in model.parameters() if p.requires_grad]
    total = epochs * -(-len(part) // batch)
    optimizer = torch.optim.AdamW(wanted, lr=rate, weight_decay=1e-4, fused=True)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=total)
    for _ in range(epochs):
        for seen, labels in part.batches(rng.permutation(len(part)), batch):
            loss = imitation_loss(unroll(seen), labels, torch.ones(labels.shape))
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(wanted, 1.0)
            optimizer.step()
            cycle.step()
            updates += 1
    return updates


@torch.inference_mode()
def judge(model: Player, part: Part) -> tuple[float, float]:
    """Loss and accuracy on the held-out windows."""
    losses, right, counted = 0.0, 0, 0
    for seen, labels in part.batches(np.arange(len(part))):
        logits = model.unroll(seen)
        losses += labels.numel() * float(imitation_loss(logits, labels, torch.ones(labels.shape)))
        right += int((logits.argmax(-1) == labels).sum())
        counted += labels.numel()
    return losses / counted, right / counted


def play(model: Any, task: Task, episodes: int, max_frames: int) -> tuple[list[float], int]:
    """Returns of whole games on the same seeds for all, and how many were cut short."""
    policy = TorchPolicy(model, task.action_space)
    seeds = range(10_000, 10_000 + episodes)
    # The demonstrators' wrapper pressed fire after each lost life.
    how = {"max_frames": max_frames, "fire_lives": True}
    played = list(rollout({"p": policy}, task.env, ["clean"], seeds, env_kwargs=how))
    return [e.return_ for e in played], sum(not e.terminated for e in played)


def parts(store: DemonstrationStore, smoke: bool) -> tuple[FrameWindows, FrameWindows]:
    """The training and the held-out windows, those of the files that were imported."""
    held_out, episodes = {i for i, o in enumerate(store.origins) if o.held_out}, list(store)
    made = []
    for validation in (False, True):
        chosen = [e for i, e in enumerate(episodes) if (i in held_out) == validation]
        made.append(FrameWindows(chosen[:2] if smoke else chosen, 32, 0))
    return made[0], made[1]


def run(
    name: str,
    seed: int,
    task: Task,
    data: tuple[Part, Part],
    head: nn.Module | None,
    options: Options,
) -> dict[str, Any]:
    """Train and judge one model."""
    torch.manual_seed(seed)
    own = head or pixel_encoder("small", task.observation_space, FEATURES, normalize=True)
    model = Player(own, MODELS[name](seed), task.actions or 0, frozen=head is not None)
    begin = time.perf_counter()
    updates = fit(model.train(), model.unroll, data[0], options.epochs, seed)
    seconds = time.perf_counter() - begin
    loss, accuracy = judge(model.eval(), data[1])
    returns, capped = play(model, task, options.episodes, options.max_frames)
    values = [
        name, seed, sum(p.numel() for p in model.core.parameters()), updates, round(seconds),
        round(loss, 4), round(accuracy, 4), round(float(np.mean(returns)), 2),
        round(float(np.std(returns, ddof=1)), 2), len(returns), capped,
    ]  # fmt: skip
    return dict(zip(COLUMNS, values, strict=True))


@dataclass(frozen=True)
class Options:
    """Measure behaviour cloning of Breakout: LRS-CfC, dense CfC, ncps' CfC, and no memory."""

    store: Path
    """the imported demonstrations: a folder"""
    end_to_end: bool = False
    """train a head with each model; wants a GPU"""
    out: Path | None = None
    """folder of the table; else benchmarks/results"""
    seeds: PositiveInt = 3
    """runs of each model"""
    epochs: PositiveInt = 15
    """passes over the training windows"""
    head_epochs: PositiveInt = 5
    """passes of the shared head's training"""
    episodes: PositiveInt = 30
    """games of each run"""
    max_frames: PositiveInt = 18_000
    """where a game is cut"""
    smoke: bool = False
    """a few updates and games"""

    def in_small(self) -> Options:
        """What `--smoke` makes of it."""
        return replace(self, seeds=1, epochs=1, head_epochs=1, episodes=2, max_frames=200)


def main(arguments: list[str]) -> None:
    """Run the section; see `--help`."""
    options = call(Options, "python -m benchmarks breakout-bc", arguments)
    if isinstance(options, Options):
        measure(options.in_small() if options.smoke else options)


def measure(options: Options) -> None:
    """Run what is missing, write the table."""
    torch.set_num_threads(1)
    store, out = DemonstrationStore(options.store), options.out or RESULTS
    out.mkdir(parents=True, exist_ok=True)
    windows = parts(store, options.smoke)
    rows = _read(out / "breakout_bc.csv")
    for seed in range(options.seeds):
        done = {row["model"] for row in rows if int(row["seed"]) == seed}
        if done >= MODELS.keys():
            continue
        head = None
        if not options.end_to_end:
            head = clone_head(store.task, windows[0], options.head_epochs, seed)
        seen = [Part(part, None if head is None else encode(part, head)) for part in windows]
        for name in [name for name in MODELS if name not in done]:
            rows.append(run(name, seed, store.task, (seen[0], seen[1]), head, options))
            _write(out / "breakout_bc.csv", rows)
            print(rows[-1], flush=True)
    (out / "breakout_bc.md").write_text(_markdown(rows, windows[1], options))


def _read(table: Path) -> list[dict[str, Any]]:
    if not table.exists():
        return []
    with table.open(newline="") as file:
        return list(csv.DictReader(file))


def _write(table: Path, rows: list[dict[str, Any]]) -> None:
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def _markdown(rows: list[dict[str, Any]], held_out: FrameWindows, options: Options) -> str:
    often = torch.bincount(held_out.labels).max() / len(held_out.labels)
    head = (
        "trained with each model"
        if options.end_to_end
        else f"trained once for each seed, {options.head_epochs} epochs without a core, then frozen"
    )
    lines = [
        "# Behaviour cloning of Breakout",
        "",
        f"{options.epochs} epochs over the training windows of 32 steps, batch {BATCH}, AdamW "
        f"{RATE:g} with one cycle; head (16 and 32 filters, {FEATURES} features): {head}; H = "
        f"{HIDDEN}, of lrs-cfc-90 it is 90. Mean and standard deviation over seeds. Whoever always "
        f"takes the most frequent action has an accuracy of {often:.4f}. Return over "
        f"{options.episodes} games per seed, each cut after {options.max_frames} frames at the "
        "latest; fire is pressed after lost lives, as where the demonstrations were recorded.",
        "",
        "| core | seeds | parameters | validation accuracy | validation loss | return |",
        "|---|---|---|---|---|---|",
    ]
    for name in MODELS:
        own = [row for row in rows if row["model"] == name]
        if own:
            cells = [_spread(own, "val_accuracy"), _spread(own, "val_loss")]
            cells.append(_spread(own, "return_mean", 1))
            size = f"{int(own[0]['core_parameters']):,}"
            lines.append(f"| {name} | {len(own)} | {size} | {' | '.join(cells)} |")
    origin = ", ".join(f"{key} {value}" for key, value in provenance().items())
    return "\n".join([*lines, "", f"Measured with: {origin}.", ""])


def _spread(rows: list[dict[str, Any]], column: str, digits: int = 4) -> str:
    values = [float(row[column]) for row in rows]
    sd = np.std(values, ddof=1) if len(values) > 1 else float("nan")
    return f"{np.mean(values):.{digits}f} ± {sd:.{digits}f}"
