"""Behaviour cloning of Breakout on public demonstrations: LRS-CfC, dense CfC and ncps' own CfC.

All three have the same convolutional head, see the same windows in the same order, and are judged
on the 500 held-out windows and in closed loop. A line is written for each finished run, so that a
run that was stopped goes on where it was.

    python -m lrs_lightning import --format ncps-npz --source FOLDER --out breakout
    python -m benchmarks breakout-bc --store breakout --out benchmarks/results
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks._provenance import provenance
from lrs_lightning.data import DemonstrationStore, FixedBatches, FrameWindows, Task, WindowBatch
from lrs_lightning.nn import PolicyConfig, build_policy, pixel_encoder
from lrs_lightning.rollout import TorchPolicy, rollout
from lrs_lightning.training.losses import imitation_loss

FEATURES, HIDDEN, BATCH, RATE = 256, 64, 8, 1e-3
COLUMNS = [
    "model", "seed", "parameters", "updates", "train_seconds", "val_loss", "val_accuracy",
    "return_mean", "return_sd", "episodes", "capped",
]  # fmt: skip


class NcpsPolicy(nn.Module):
    """Our head of convolutions before ncps' CfC with its own defaults, as in ncps' example."""

    def __init__(self, task: Task) -> None:
        from ncps.torch import CfC

        super().__init__()
        self.encoder = pixel_encoder("small", task.observation_space, FEATURES)
        self.rnn = CfC(FEATURES, HIDDEN, batch_first=True)
        self.head = nn.Linear(HIDDEN, task.actions or 0)
        self.action_space = task.action_space

    def unroll(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Logits `(B, T, A)` for frames `(B, T, S, H, W)`."""
        y, state = self.rnn(self.encoder(frames))
        return self.head(y), state

    def initial_state(self, batch: int) -> Tensor:
        return torch.zeros(batch, HIDDEN)

    def step(self, frames: Tensor, state: Tensor, resets: Tensor) -> tuple[Tensor, Tensor]:
        """One step of N games."""
        state = torch.where(resets[:, None], 0, state)
        y, state = self.rnn(self.encoder(frames)[:, None], state)
        return self.head(y[:, 0]), state


def ours(rank: int | None, sparsity: float) -> Callable[[Task, int], nn.Module]:
    def make(task: Task, seed: int) -> nn.Module:
        config = PolicyConfig(
            cell="cfc", hidden_size=HIDDEN, rank=rank, sparsity=sparsity, mask_seed=seed,
            encoder="small", features=FEATURES,
        )  # fmt: skip
        return build_policy(config, task.observation_space, task.action_space)

    return make


MODELS: dict[str, Callable[[Task, int], nn.Module]] = {
    "lrs-cfc": ours(8, 0.5),
    "dense-cfc": ours(None, 0.0),
    "ncps-cfc": lambda task, seed: NcpsPolicy(task),
}


def train(model: Any, windows: FrameWindows, epochs: int, seed: int, limit: int | None) -> int:
    """AdamW with one cycle over the windows, in an order that only the seed decides."""
    starts, rng = windows.tiles(), np.random.default_rng(seed)
    batches = -(-len(starts) // BATCH)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=1e-4, fused=True)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=epochs * batches)
    updates = 0
    for _ in range(epochs):
        order = FixedBatches(rng.permutation(starts), BATCH)
        for start in islice(order, limit):
            batch = windows[start]
            outputs, _ = model.unroll(batch.observations)
            loss = imitation_loss(outputs, batch.labels, batch.weights)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            cycle.step()
            updates += 1
    return updates


@torch.inference_mode()
def judge(model: Any, windows: FrameWindows, limit: int | None) -> tuple[float, float]:
    """Loss and accuracy on the held-out windows."""
    model.eval()
    losses, right, counted = [], 0.0, 0.0
    for start in islice(FixedBatches(windows.tiles(), BATCH), limit):
        batch: WindowBatch = windows[start]
        outputs, _ = model.unroll(batch.observations)
        losses.append(float(imitation_loss(outputs, batch.labels, batch.weights)))
        right += float(((outputs.argmax(-1) == batch.labels) * batch.weights).sum())
        counted += float(batch.weights.sum())
    return float(np.mean(losses)), right / counted


def play(model: Any, task: Task, episodes: int, max_frames: int) -> tuple[list[float], int]:
    """Returns of whole games on the same seeds for all, and how many were cut short."""
    policy = TorchPolicy(model, task.action_space)
    seeds = range(10_000, 10_000 + episodes)
    how = {"max_frames": max_frames}
    played = list(rollout({"p": policy}, task.env, ["clean"], seeds, env_kwargs=how))
    return [e.return_ for e in played], sum(not e.terminated for e in played)


def run(name: str, seed: int, store: DemonstrationStore, options: Any) -> dict[str, Any]:
    """Train and judge one model."""
    held_out = set(store.manifest["validation"])
    episodes = list(store)
    parts = [[e for i, e in enumerate(episodes) if (i in held_out) == val] for val in (False, True)]
    training, validation = (FrameWindows(part, 32, 0) for part in parts)
    torch.manual_seed(seed)
    model = MODELS[name](store.task, seed)
    limit, begin = 3 if options.smoke else None, time.perf_counter()
    updates = train(model.train(), training, options.epochs, seed, limit)
    seconds = time.perf_counter() - begin
    loss, accuracy = judge(model, validation, limit)
    returns, capped = play(model, store.task, options.episodes, options.max_frames)
    values = [
        name, seed, sum(p.numel() for p in model.parameters()), updates, round(seconds),
        round(loss, 4), round(accuracy, 4), round(float(np.mean(returns)), 2),
        round(float(np.std(returns, ddof=1)), 2), len(returns), capped,
    ]  # fmt: skip
    return dict(zip(COLUMNS, values, strict=True))


def main(arguments: list[str]) -> None:
    """Run what is missing, write the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks breakout-bc", description=__doc__)
    parser.add_argument("--store", required=True)
    parser.add_argument("--out", default="benchmarks/results")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--episodes", type=int, default=30)
    parser.add_argument("--max-frames", type=int, default=6000)
    parser.add_argument("--smoke", action="store_true", help="a few updates and games")
    options = parser.parse_args(arguments)
    if options.smoke:
        options.seeds, options.epochs, options.episodes, options.max_frames = 1, 1, 2, 400
    torch.set_num_threads(1)
    store = DemonstrationStore(options.store)
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    table = out / "breakout_bc.csv"
    rows = _read(table)
    for seed in range(options.seeds):
        for name in MODELS:
            if any(row["model"] == name and int(row["seed"]) == seed for row in rows):
                continue
            rows.append(run(name, seed, store, options))
            _write(table, rows)
            print(rows[-1], flush=True)
    (out / "breakout_bc.md").write_text(_markdown(rows, options))


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


def _markdown(rows: list[dict[str, Any]], options: Any) -> str:
    lines = [
        "# Behaviour cloning of Breakout",
        "",
        f"{options.epochs} epochs over 3,000 windows of 32 steps, batch {BATCH}, AdamW {RATE:g} "
        f"with one cycle; the small head (16 and 32 filters, {FEATURES} features), H = {HIDDEN}. "
        f"Mean and standard deviation over seeds; return over {options.episodes} games per seed, "
        f"each cut after {options.max_frames} frames.",
        "",
        "| model | seeds | parameters | validation accuracy | validation loss | return |",
        "|---|---|---|---|---|---|",
    ]
    for name in MODELS:
        own = [row for row in rows if row["model"] == name]
        if own:
            cells = [_spread(own, "val_accuracy"), _spread(own, "val_loss")]
            cells.append(_spread(own, "return_mean", 1))
            lines.append(
                f"| {name} | {len(own)} | {int(own[0]['parameters']):,} | {' | '.join(cells)} |"
            )
    return "\n".join([*lines, "", f"Measured with {provenance()}.", ""])


def _spread(rows: list[dict[str, Any]], column: str, digits: int = 4) -> str:
    values = [float(row[column]) for row in rows]
    sd = np.std(values, ddof=1) if len(values) > 1 else float("nan")
    return f"{np.mean(values):.{digits}f} ± {sd:.{digits}f}"
