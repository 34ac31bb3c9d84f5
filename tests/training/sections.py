"""A small `fit` with a section of its own in its configuration, as words of the command line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml


def fit_with(folder: Path, store: Path, **sections: Mapping[str, Any]) -> list[str]:
    """Words of a `fit` of 17 updates, without the folder of its runs.

    Args:
        folder: for its suite and configuration.
        store: demonstrations.
        sections: of the configuration, by name.
    """
    (folder / "clean.yaml").write_text("- clean\n")
    (folder / "sections.yaml").write_text(yaml.safe_dump(sections))
    return [
        "fit",
        f"--config={folder / 'sections.yaml'}",
        f"--data.path={store}",
        f"--evaluation.suite={folder / 'clean.yaml'}",
        "--evaluation.episodes=1",
        "--evaluation.every_n_epochs=0",
        "--trainer.accelerator=cpu",
        "--trainer.max_steps=17",
        "--trainer.enable_progress_bar=false",
        "--data.batches=5",
        "--data.window=8",
        "--data.burn_in=2",
        "--data.batch_size=4",
        "--model.policy.core.hidden_size=8",
        "--model.policy.core.rank=2",
    ]
