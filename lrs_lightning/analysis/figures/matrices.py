"""The recurrent matrices: singular values before and after training, and of what was added."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.artist import Artist

from lrs_lightning.analysis.figures.picture import Picture, label, legend, listed, picture
from lrs_lightning.analysis.weights import MatrixSummary
from lrs_lightning.report.plots import style

_LOOK = {"initial": ("W at the start", 7), "trained": ("W trained", 0), "change": ("ΔW", 1)}


def matrices(names: Sequence[str], layers: Sequence[Mapping[str, MatrixSummary]]) -> Picture:
    """Singular values of each gate of each layer, the same scale in all panels.

    Args:
        names: of the gates.
        layers: as `compare_matrices` gives them.
    """
    across = len(names)
    figure = style.figure(max(2.2 * across, 5.6), 2.3 * len(layers) + 1.1)
    grid = figure.subplots(len(layers), across, sharex=True, sharey=True, squeeze=False)
    handles: list[Artist] = []
    labels: list[str] = []
    for depth, states in enumerate(layers):
        for g, gate in enumerate(names):
            panel = style.tidy(grid[depth, g])
            style.title(panel, gate if len(layers) == 1 else f"{gate}, layer {depth}")
            handles, labels = [], []
            for state in _LOOK:
                if state in states:
                    text, color = _LOOK[state]
                    values = states[state].values[g].numpy()
                    index = np.arange(1, len(values) + 1)
                    line = panel.plot(index, values, color=style.series(color), linewidth=1.7)
                    handles.append(line[0])
                    labels.append(text)
            if depth == len(layers) - 1:
                label(panel, "index i")
        label(grid[depth, 0], "index i" if depth == len(layers) - 1 else "", "singular value")
    grid[0, 0].set_ylim(bottom=0)
    legend(figure, labels, handles)
    return picture("weights", figure, _caption(names, layers))


def _caption(names: Sequence[str], layers: Sequence[Mapping[str, MatrixSummary]]) -> str:
    size = layers[0]["trained"].values.shape[-1]
    told = [_of_layer(names, states) for states in layers]
    if len(layers) > 1:
        told = [f"layer {depth}: {text}" for depth, text in enumerate(told)]
    if "initial" not in layers[0]:
        return (
            f"Spectral radius of the trained W_rec, {'; '.join(told)} ({size} singular values of "
            "one policy); initial weights are not known."
        )
    return (
        f"Training took the spectral radius of {'; '.join(told)} of {size} "
        "(one policy; ΔW: trained minus initial)."
    )


def _of_layer(names: Sequence[str], states: Mapping[str, MatrixSummary]) -> str:
    trained = states["trained"].radius.tolist()
    if "initial" not in states:
        return listed([f"{n} {r:.2f}" for n, r in zip(names, trained, strict=True)])
    before, change = states["initial"].radius.tolist(), states["change"].stable_rank.tolist()
    radii = zip(names, before, trained, strict=True)
    return (
        listed([f"{n} from {a:.2f} to {b:.2f}" for n, a, b in radii])
        + f", and ΔW has stable rank {listed([f'{r:.1f}' for r in change])}"
    )
