"""Every reader of files, each with a good file, a way to spoil it, and what reading it means."""

from __future__ import annotations

import io
import json
import random
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lrs_lightning.checkpoints import read_checkpoint, write_checkpoint
from lrs_lightning.data.split import split_episodes
from lrs_lightning.data.store import DemonstrationStore
from lrs_lightning.data.windows import Windows
from lrs_lightning.documents import checksum
from lrs_lightning.evaluation.references import FILE, References
from lrs_lightning.evaluation.suites import Suite
from lrs_lightning.expert_training.card import write_card
from lrs_lightning.experts import load_expert
from lrs_lightning.report.runs import gather, read_run
from lrs_lightning.statistics.result_line import line_of
from lrs_lightning.statistics.results import ResultsWriter
from lrs_lightning.statistics.summary import summarize_all
from lrs_lightning.training import load_policy
from tests.evaluation.fakes import rows
from tests.experts.test_sb3 import TD3, mlp, named, save_zip
from tests.experts.test_sb3_statistics import saved
from tests.reliability.hostile_store import sealed, store_of
from tests.reliability.spoiling import spoil_bytes, spoil_json, spoil_values
from tests.reliability.test_checkpoint_files import checkpoint

ENV = "HalfCheetah-v5"
Spoil = Callable[[bytes, random.Random], bytes]


@dataclass(frozen=True)
class Reader:
    """A kind of file.

    Attributes:
        make: writes a good one into a folder, and returns the file to spoil.
        read: reads it as the program does.
        spoil: content and random numbers to other content.
        reseal: makes checksums in other files right again.
    """

    make: Callable[[Path], Path]
    read: Callable[[Path], Any]
    spoil: Spoil = spoil_bytes
    reseal: Callable[[Path], Any] = lambda path: None


# ------------------------------------------------------------------ how good ones are made


def _checkpoint(folder: Path) -> Path:
    write_checkpoint(checkpoint(), folder / "a.ckpt")
    return folder / "a.ckpt"


def _manifest(folder: Path) -> Path:
    return store_of(folder / "s") / "manifest.json"


def _old_manifest(folder: Path) -> Path:
    path = _manifest(folder)
    now = json.loads(path.read_bytes())
    old = {k: now[k] for k in ("task", "episodes", "lengths", "returns", "steps")}
    old |= {"schema": 1, "sha256": now["parts"][0]["sha256"], "seeds": [4, 5], "validation": [1]}
    path.write_text(json.dumps(old))
    return path


def _episodes(kind: str) -> Callable[[Path], Path]:
    return lambda folder: store_of(folder / "s", kind) / "episodes.h5"


def _run(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        means = {"clean": 9000.0, "mass@3": 5000.0, "mass@1": 8000.0}
        played = rows(means, episodes=3) + rows(means, policy="other", episodes=3)
        with ResultsWriter(folder / "results.jsonl") as writer:
            writer.write_rows(played)
        known = {"expert": 10_000.0, "random": -200.0}
        summarize_all(played, known, {"student": {"rank": 8}}, {"commit": "a"}).write(folder)
        with ResultsWriter(folder / FILE) as writer:
            writer.write_rows(rows({"clean": 9000.0}, policy="expert", episodes=3))
        return folder / name

    return make


def _suite(folder: Path) -> Path:
    path = folder / "mine.yaml"
    path.write_text(
        "name: mine\nmujoco: [clean, mass@1-5, 'mass[onset=200]@3', {shift: friction, severity: 3}]"
        "\nconditions:\n  - clean\n  - sensor_noise@2+action_noise@1\n"
    )
    return path


def _expert(suffix: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        from safetensors.numpy import save_file

        draw = np.random.default_rng(0)
        layers = {
            "layers.0.weight": draw.standard_normal((6, 17)).astype(np.float32),
            "layers.0.bias": np.zeros(6, np.float32),
        }
        weights = folder / "mine.safetensors"
        save_file(layers, weights, {"env": ENV, "activation": "relu"})
        if suffix == ".json":
            write_card(weights, {"env": ENV, "algorithm": "SAC", "activation": "relu", "seed": 3})
        return weights.with_suffix(suffix)

    return make


def _zip(suffix: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        save_zip(folder / "a.zip", named("actor.mu", mlp(17, 8, 6)), TD3)
        saved(folder / "vecnormalize.pkl", np.zeros(17), np.ones(17), protocol=4)
        return folder / ("a.zip" if suffix == ".zip" else "vecnormalize.pkl")

    return make


# ------------------------------------------------------------------ how they are spoilt


def _spoil_document(content: bytes, draw: random.Random) -> bytes:
    return spoil_json(content, draw, lambda v: {**v, "sha256": checksum(v)})


def _spoil_plain(content: bytes, draw: random.Random) -> bytes:
    return spoil_json(content, draw, dict)


def _spoil_rows(content: bytes, draw: random.Random) -> bytes:
    if draw.random() < 0.3:
        return spoil_bytes(content, draw)
    lines = content.splitlines()
    at = draw.randrange(len(lines))
    lines[at] = spoil_json(lines[at], draw, _resealed_row)
    return b"\n".join(lines) + b"\n"


def _resealed_row(row: dict[str, Any]) -> dict[str, Any]:
    try:
        return {**row, "crc32": json.loads(line_of(row))["crc32"]}
    except (ValueError, OverflowError):  # such numbers have no line
        return row


def _spoil_yaml(content: bytes, draw: random.Random) -> bytes:
    if draw.random() < 0.5:
        return spoil_bytes(content, draw)
    import yaml

    return yaml.safe_dump(spoil_values(yaml.safe_load(content), draw), allow_unicode=True).encode(
        "utf-8", "replace"
    )


def _spoil_checkpoint(content: bytes, draw: random.Random) -> bytes:
    """Its bytes; or its values, in a whole archive with a right seal."""
    if draw.random() < 0.4:
        return spoil_bytes(content, draw)
    state = torch.load(io.BytesIO(content), weights_only=True)
    weights = state.pop("state_dict")
    if draw.random() < 0.3:
        name = draw.choice(list(weights))
        weights[name] = draw.choice([weights[name][:1], weights[name].long(), 3, None, "x"])
        if draw.random() < 0.5:
            weights.pop(draw.choice(list(weights)))
    else:
        state = spoil_values(state, draw)
    if isinstance(state, dict):
        state.setdefault("state_dict", weights)
    whole = io.BytesIO()
    torch.save(state, whole)
    return whole.getvalue()


def _spoil_safetensors(content: bytes, draw: random.Random) -> bytes:
    if draw.random() < 0.5:
        return spoil_bytes(content, draw)
    length = int.from_bytes(content[:8], "little")
    header = _spoil_plain(content[8 : 8 + length], draw)
    return len(header).to_bytes(8, "little") + header + content[8 + length :]


def _spoil_zip(content: bytes, draw: random.Random) -> bytes:
    if draw.random() < 0.4:
        return spoil_bytes(content, draw)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    if draw.random() < 0.6:
        members["data"] = _spoil_plain(members["data"], draw)
    else:
        members["policy.pth"] = spoil_bytes(members["policy.pth"], draw)
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    return whole.getvalue()


# ------------------------------------------------------------------ how they are read


def _read_store(path: Path) -> None:
    store = DemonstrationStore(path.parent)
    if not store.task.pixels:
        train, _ = split_episodes(store, 0.5)
        Windows(train, 4, 1)
    for episode in store:
        np.asarray(episode.observations)


def _read_run(path: Path) -> None:
    gather([read_run(path.parent)])


def _read_suite(path: Path) -> None:
    Suite.load(path).conditions("mujoco")


def _read_expert(path: Path) -> None:
    expert = load_expert(path.with_suffix(".safetensors"), ENV)
    expert.step(np.zeros((2, 17)))


def _read_zip(path: Path) -> None:
    load_expert(path.parent / "a.zip", ENV).step(np.zeros((2, 17)))


READERS = {
    "checkpoint": Reader(_checkpoint, load_policy, _spoil_checkpoint),
    "checkpoint alone": Reader(_checkpoint, read_checkpoint),
    "manifest": Reader(_manifest, _read_store, _spoil_document),
    "manifest of schema 1": Reader(_old_manifest, _read_store, _spoil_plain),
    "episodes": Reader(_episodes("box"), _read_store),
    "episodes, resealed": Reader(
        _episodes("box"), _read_store, reseal=lambda path: sealed(path.parent)
    ),
    "frames, resealed": Reader(
        _episodes("pixels"), _read_store, reseal=lambda path: sealed(path.parent)
    ),
    "results": Reader(_run("results.jsonl"), _read_run, _spoil_rows),
    "summary": Reader(_run("summary.json"), _read_run, _spoil_document),
    "references": Reader(_run(FILE), lambda path: References(ENV, out=path.parent), _spoil_rows),
    "suite": Reader(_suite, _read_suite, _spoil_yaml),
    "card": Reader(_expert(".json"), _read_expert, _spoil_document),
    "safetensors": Reader(_expert(".safetensors"), _read_expert, _spoil_safetensors),
    "zip": Reader(_zip(".zip"), _read_zip, _spoil_zip),
    "vecnormalize": Reader(_zip(".pkl"), _read_zip),
}
