"""What a run says of its training: its seeds, and its configuration without them.

Two runs that differ in nothing but seeds are two draws of one method: it is the training seed, not
the episode, that a statement about a method is a sample of.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lrs_lightning.documents import read_yaml
from lrs_lightning.errors import DataError

SEEDS = ("data", "initialisation", "mask", "training", "encoder")
"""Which episodes and windows; the first weights; the zeros of the masks; all else that is drawn;
the first digits of the hash of a frozen encoder, which is a draw of another training."""

COLUMNS = {
    "data": "data_seed",
    "initialisation": "initialisation_seed",
    "mask": "mask_seed",
    "training": "training_seed",
    "encoder": "encoder_draw",
}
"""Seed -> its column in a row of results."""

FACTS = ("seeds", "configuration")
"""The keys of a policy's description that tell of its training."""

_FILE = "config.yaml"
_MEND = "train again, or delete it"
_SEED_KEYS = ("seed", "seed_everything", "mask_seed", "init_seed")
_ENCODER_DRAW = ("encoder.init_args.run", "encoder.init_args.sha256")
_DIGITS = 8  # of a hash, as a number
_PARTS = ("model", "data", "trainer")  # what a policy is made by; other keys watch it
_WITHOUT_EFFECT = (
    "accelerator", "strategy", "devices", "num_nodes", "logger", "fast_dev_run", "profiler",
    "val_check_interval", "check_val_every_n_epoch", "num_sanity_val_steps",
    "log_every_n_steps", "detect_anomaly", "barebones", "default_root_dir", "inference_mode",
    "model_registry", "use_distributed_sampler",
)  # fmt: skip
_SWITCHES = "enable_"  # of the trainer: what is shown and kept


def training_facts(folder: str | Path | None) -> dict[str, Any]:
    """`seeds` and `configuration` of a run, from the `config.yaml` that its training wrote.

    For the process that trains. Whoever judges the run finds them in its `summary.json`.

    Args:
        folder: of the run.

    Returns:
        `seeds` (those of `SEEDS` that are known) and `configuration` (dotted key -> plain value,
        without seeds and without what decides nothing, such as loggers and devices); empty where
        there is no such file, or none that can be read: an evaluation does not fail by it.
    """
    path = None if folder is None else Path(folder) / _FILE
    if path is None or path.is_symlink() or not path.is_file():
        return {}
    try:
        config = read_yaml(path, dict[str, Any], _MEND)
    except DataError:
        return {}
    found = {"seeds": _seeds(config), "configuration": _configuration(config)}
    return {key: value for key, value in found.items() if value}


def with_own_seeds(facts: Mapping[str, Any], about: Mapping[str, Any]) -> dict[str, Any]:
    """What is said of a policy and of its run, as one; members of a population have own facts."""
    own = {"mask": about.get("mask_seed"), "initialisation": about.get("init_seed")}
    seeds = {name: seed for name, seed in own.items() if type(seed) is int}
    both = {**facts, **about}
    return {**both, "seeds": {**both["seeds"], **seeds}} if "seeds" in both else both


def seeds_of(policy: Mapping[str, Any]) -> dict[str, int]:
    """The seeds that a policy's description names, whoever wrote it: whole numbers alone."""
    found = policy.get("seeds")
    if not isinstance(found, Mapping):
        return {}
    return {name: found[name] for name in SEEDS if type(found.get(name)) is int}


def seed_columns(policy: Mapping[str, Any]) -> dict[str, int]:
    """The same as columns of a row; see `COLUMNS`."""
    return {COLUMNS[name]: seed for name, seed in seeds_of(policy).items()}


def _seeds(config: Mapping[str, Any]) -> dict[str, int]:
    flat = _flat(config)
    everything = config.get("seed_everything")
    of_policy = [(key, value) for key, value in flat.items() if key.startswith("model.")]
    init = next((v for k, v in of_policy if k.endswith(".init_seed") and v is not None), everything)
    mask = next((v for k, v in of_policy if k.endswith(".mask_seed")), None)
    digest = next((v for k, v in of_policy if k.endswith(_ENCODER_DRAW[1])), None)
    draws = flat.get("data.seed"), init, mask, everything, _number_of(digest)
    found = zip(SEEDS, draws, strict=True)
    return {name: seed for name, seed in found if type(seed) is int}


def _configuration(config: Mapping[str, Any]) -> dict[str, Any]:
    made_by = {part: config[part] for part in _PARTS if part in config}
    return dict(
        _plainly(key, value)
        for key, value in _flat(made_by).items()
        if key.rsplit(".", 1)[-1] not in _SEED_KEYS
        and not key.endswith(_ENCODER_DRAW)
        and not _without_effect(key)
    )


def _number_of(digest: Any) -> int | None:
    """The first digits of a hash; None for anything else."""
    known = isinstance(digest, str) and re.fullmatch("[0-9a-f]{64}", digest)
    return int(digest[:_DIGITS], 16) if known else None


def _plainly(key: str, value: Any) -> tuple[str, Any]:
    """`model.policy.core: CfC` for the class path of a core, and its options right below."""
    key = key.replace(".init_args", "")
    if key.endswith(".class_path"):
        return key.removesuffix(".class_path"), str(value).rsplit(".", 1)[-1]
    return key, value


def _without_effect(key: str) -> bool:
    part, _, rest = key.partition(".")
    name = rest.split(".", 1)[0]
    return part == "trainer" and (name in _WITHOUT_EFFECT or name.startswith(_SWITCHES))


def _flat(values: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Nested mappings as one, with dotted keys; lists stay whole."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{above}{key}.")
        else:
            found[f"{above}{key}"] = value
    return found
