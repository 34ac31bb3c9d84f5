"""Pixels: the closed loop against the raw emulator, training against ncps, and the frame store.

`python -m benchmarks atari [--smoke] [--games 32] [--rounds 5]`

Providers take turns, and rates are compared within one run.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jsonargparse.typing import PositiveInt
from torch import Tensor, nn

from benchmarks._provenance import RESULTS, provenance, write_csv
from lrs_lightning.data import DemonstrationStore, FrameWindows
from lrs_lightning.data.collect import collect
from lrs_lightning.envs import available_cores, describe, make
from lrs_lightning.envs.atari_names import rom_name
from lrs_lightning.nn import RecurrentPolicy, build_policy, pixel_encoder
from lrs_lightning.options.call import call
from lrs_lightning.rollout import TorchPolicy
from lrs_lightning.training.losses import imitation_loss

GAME, FEATURES, HIDDEN = "Seaquest", 256, 64
Provider = Callable[[], int]
"""Does a stretch of work, and returns how many decisions or frames were in it."""


def main(arguments: list[str]) -> None:
    """Run the section; see `--help`."""
    call(run, "python -m benchmarks atari", arguments)


def run(
    *,
    smoke: bool = False,
    games: PositiveInt = 32,
    steps: PositiveInt = 15,
    rounds: PositiveInt = 5,
) -> None:
    """Measure pixels: the closed loop, training against ncps, and the frame store.

    Providers take turns, and rates are compared within one run. Writes `results/atari.csv` and
    `.md`.

    Args:
        smoke: small and short; writes nothing
        games: games side by side
        steps: decisions of a stretch
        rounds: stretches of each provider
    """
    if smoke:
        games, steps, rounds = 2, 3, 2
    torch.set_num_threads(1)
    rows = [
        *rates("closed loop", closed_loop(games, steps), rounds),
        *rates("training", training(smoke), rounds),
        *store(smoke),
    ]
    text = table(rows)
    print(text)
    if not smoke:
        write_csv(RESULTS / "atari.csv", rows)
        (RESULTS / "atari.md").write_text(text)


def rates(section: str, providers: dict[str, Provider], rounds: int) -> list[dict[str, Any]]:
    """The best and median rate of each, and its ratio to the first by the best."""
    found: dict[str, list[float]] = {name: [] for name in providers}
    for _ in range(rounds):
        for name, play in providers.items():
            begin = time.perf_counter()
            found[name].append(play() / (time.perf_counter() - begin))
    first = max(found[next(iter(found))])
    return [
        {
            "section": section,
            "what": name,
            "best": round(max(values), 1),
            "median": round(float(np.median(values)), 1),
            "ratio": round(max(values) / first, 3),
        }
        for name, values in found.items()
    ]


def closed_loop(games: int, steps: int) -> dict[str, Provider]:
    """Decisions a second: ALE's vector environment, ours, ours with policies in the loop."""
    from ale_py.vector_env import AtariVectorEnv

    info = describe(GAME)
    rng = np.random.default_rng(0)
    raw: Any = AtariVectorEnv(rom_name(GAME), games, reward_clipping=False)
    raw.reset(seed=0)
    actions = int(info.action_space.n)  # type: ignore[attr-defined]

    def play_raw() -> int:
        for _ in range(steps):
            raw.step(rng.integers(0, actions, games))
        return steps * games

    def looped(act: Callable[[Any], Any]) -> Provider:
        env = make(GAME, games)
        observations = [env.reset(seed=0)[0]]

        def play() -> int:
            for _ in range(steps):
                observation, _, terminated, truncated, _ = env.step(act(observations[0]))
                over = terminated | truncated
                if over.any():
                    # Unseeded: seeding anew costs a tenth of a second, which is timed elsewhere.
                    observation, _ = env.reset(options={"reset_mask": over})
                observations[0] = observation
            return steps * games

        return play

    return {
        "AtariVectorEnv": play_raw,
        "ours": looped(lambda _: rng.integers(0, actions, games)),
        "ours + LRS-CfC (small)": looped(_player("small", games)),
        "ours + LRS-CfC (nature)": looped(_player("nature", games)),
    }


def _player(encoder: str, games: int) -> Callable[[Any], Any]:
    policy = TorchPolicy(_policy(encoder).eval())
    state, starts = policy.initial_state(games), np.zeros(games, bool)

    def act(observations: Any) -> Any:
        nonlocal state
        actions, state = policy.step(observations, state, starts)
        return actions.argmax(-1) if actions.ndim > 1 else actions

    return act


def _policy(encoder: str) -> RecurrentPolicy:
    info = describe(GAME)
    config = {
        "encoder": {"name": encoder, "features": FEATURES},
        "core": {"name": "cfc", "hidden_size": HIDDEN},
    }
    return build_policy(config, info.observation_space, info.action_space)


class PlainLoop(nn.Module):
    """The same model with ncps' cell, frame after frame in Python."""

    def __init__(self) -> None:
        from ncps.torch import CfC

        super().__init__()
        info = describe(GAME)
        self.encoder = pixel_encoder("small", info.observation_space, FEATURES)
        self.rnn = CfC(FEATURES, HIDDEN, batch_first=True, backbone_layers=0)
        self.head = nn.Linear(HIDDEN, int(info.action_space.n))  # type: ignore[attr-defined]

    def unroll(self, frames: Tensor) -> tuple[Tensor, None]:
        """Logits `(B, T, A)`."""
        state, outputs = None, []
        for t in range(frames.shape[1]):
            y, state = self.rnn(self.encoder(frames[:, t])[:, None], state)
            outputs.append(self.head(y[:, 0]))
        return torch.stack(outputs, 1), None


def training(smoke: bool) -> dict[str, Provider]:
    """Frames a second of a training update: windows of 32 steps, the small encoder.

    The last one learns behind a frozen encoder, from features that are stored.
    """
    batch = 2 if smoke else 8
    frames = torch.randint(0, 256, (batch, 32, 4, 84, 84), dtype=torch.uint8)
    labels, weights = torch.randint(0, 18, (batch, 32)), torch.ones(batch, 32)
    frozen = _policy("small")
    frozen.encoder.freeze()
    with torch.no_grad():
        features = frozen.encoder(frames)  # (B, T, F)

    def updating(model: Any, unroll: Callable[[Tensor], Any], seen: Tensor) -> Provider:
        learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
        optimizer = torch.optim.AdamW(learned, fused=True)

        def update() -> int:
            loss = imitation_loss(unroll(seen)[0], labels, weights)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return batch * 32

        return update

    plain, ours = PlainLoop(), _policy("small")
    return {
        "ncps, plain loop": updating(plain, plain.unroll, frames),
        "LRS-CfC": updating(ours, ours.unroll, frames),
        "LRS-CfC, stored features": updating(frozen, frozen.unroll_features, features),
    }


def store(smoke: bool) -> list[dict[str, Any]]:
    """How small demonstrations are, and how fast windows are read against their use."""
    from lrs_lightning.experts import build_q_network, save_pixel_expert

    with tempfile.TemporaryDirectory() as folder:
        expert = Path(folder) / "expert.safetensors"
        if "ALE/Seaquest-v5" in _shipped():
            source = "shipped"
        else:
            source = str(expert)
            save_pixel_expert(build_q_network("small", 18), expert, {"env": "ALE/Seaquest-v5"})
        data = collect(GAME, Path(folder) / "data", source, 1 if smoke else 4, "0:0.1")
        size = (data.folder / "episodes.h5").stat().st_size
        raw = data.manifest["steps"] * 84 * 84
        read, used = _read_and_use(data, 2 if smoke else 20)
    return [
        {"section": "store", "what": "raw frames / stored", "best": round(raw / size, 1)},
        {"section": "store", "what": "windows read a second", "best": round(read, 1)},
        {"section": "store", "what": "windows trained on a second", "best": round(used, 1)},
        {"section": "store", "what": "read / trained on", "best": round(read / used, 1)},
    ]


def _shipped() -> Any:
    from lrs_lightning.experts import shipped_experts

    return shipped_experts()


def _read_and_use(data: DemonstrationStore, batches: int) -> tuple[float, float]:
    windows = FrameWindows(list(data), 32, 8)
    rng, model = np.random.default_rng(0), _policy("small")
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    read, used = [], []
    for _ in range(batches):
        begin = time.perf_counter()
        batch = windows[rng.choice(windows.window_starts, 8)]
        middle = time.perf_counter()
        loss = imitation_loss(model.unroll(batch.observations)[0], batch.labels, batch.loss_mask)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        read.append(middle - begin)
        used.append(time.perf_counter() - middle)
    return 8 / min(read), 8 / min(used)


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown."""
    lines = [
        "# Pixels",
        "",
        f"{GAME}, {available_cores()} cores, one torch thread. Rates are a second: decisions in "
        "the closed loop, frames in training; the ratio is to the first of its section, by the "
        "best.",
        "",
        "| section | what | best | median | ratio |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        cells = [str(row.get(key, "")) for key in ("section", "what", "best", "median", "ratio")]
        lines.append(f"| {' | '.join(cells)} |")
    origin = ", ".join(f"{key} {value}" for key, value in provenance().items())
    return "\n".join([*lines, "", f"Measured with: {origin}.", ""])
