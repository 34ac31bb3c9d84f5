"""A picture of the table: time of a training step, by provider."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path


def plot(rows: Sequence[Mapping[str, object]], path: Path) -> Path:
    """Draw one panel per cell of the mode `training`, a group of bars per case, on a log scale."""
    import matplotlib.pyplot as plt

    training = [row for row in rows if row["mode"] == "training"]
    cells = list(dict.fromkeys(row["cell"] for row in training))
    figure, panels = plt.subplots(1, max(1, len(cells)), figsize=(5 * max(1, len(cells)), 4))
    for panel, cell in zip([panels] if len(cells) < 2 else panels, cells, strict=False):
        here = [row for row in training if row["cell"] == cell]
        labels = list(dict.fromkeys(f"{row['case']}, {row['threads']} thr." for row in here))
        providers = list(dict.fromkeys(row["provider"] for row in here))
        width = 0.8 / len(providers)
        for index, provider in enumerate(providers):
            times = {
                f"{row['case']}, {row['threads']} thr.": float(str(row["median_ms"]))
                for row in here
                if row["provider"] == provider
            }
            measured = [label for label in labels if label in times]
            at = [labels.index(label) + index * width for label in measured]
            panel.bar(at, [times[label] for label in measured], width, label=provider)
        panel.set(title=str(cell), ylabel="ms per training step", yscale="log")
        panel.set_xticks(range(len(labels)), labels, rotation=60, ha="right", fontsize=6)
        panel.legend(fontsize=6)
    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)
    return path
