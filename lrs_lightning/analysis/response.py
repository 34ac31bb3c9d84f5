"""One disturbed observation, and what follows: in the state, in every gate, in the action.

At a step the input is replaced by a disturbed one; all inputs after it are as they were. What is
measured is the difference between the two runs, lag by lag, of the real, nonlinear policy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lrs_lightning.analysis.recurrence import Recurrence, Replay


@dataclass(frozen=True)
class Response:
    """Mean over M disturbances, at lags 0 (the disturbed step itself) to K.

    Args:
        state: root mean square difference of the whole state, `(M, K + 1)`.
        output: the same of what is read out, e.g. the action; of h without a read-out.
        gates: gate of the first layer -> mean absolute difference over units, `(M, K + 1)`.
    """

    state: Tensor
    output: Tensor
    gates: dict[str, Tensor]


@torch.no_grad()
def response(
    recurrence: Recurrence,
    replay: Replay,
    disturbed: Tensor,
    starts: Sequence[int],
    lags: int,
    read_out: Callable[[Tensor], Tensor] | None = None,
) -> Response:
    """Disturb single steps of N trajectories.

    Args:
        recurrence: the layers.
        replay: undisturbed.
        disturbed: features of the disturbed observations at `starts`, `(len(starts), N, I)`.
        starts: the steps that are disturbed, one at a time.
        lags: K; each start lies at least K + 1 steps before the end.
        read_out: from the last layer's h to what is judged; h itself by default.
    """
    read = read_out or (lambda h: h)
    windows = [replay[start : start + lags + 1] for start in starts]
    calm = _side_by_side(windows)
    features = calm.inputs[0].clone()  # (K + 1, M, I)
    features[0] = disturbed.flatten(0, 1).to(features.dtype)
    first = torch.cat([torch.cat(w.before, -1)[0] for w in windows])  # (M, S)
    moved = recurrence.replay(features, first)
    states = calm.state, moved.state
    outputs = [read(state[..., recurrence.output]) for state in states]
    gates = [recurrence.activations(run)[0].gates for run in (calm, moved)]  # (K + 1, M, G, H)
    change = (gates[1] - gates[0]).abs().mean(-1)
    return Response(
        _rms(states[1] - states[0]).mT,
        _rms(outputs[1] - outputs[0]).mT,
        {name: change[..., g].mT for g, name in enumerate(recurrence.cells[0].names)},
    )


def _side_by_side(windows: Sequence[Replay]) -> Replay:
    """Windows of equal length as episodes of one replay."""

    def joined(parts: Callable[[Replay], list[Tensor]]) -> list[Tensor]:
        return [torch.cat(layer, 1) for layer in zip(*map(parts, windows), strict=True)]

    return Replay(joined(lambda w: w.inputs), joined(lambda w: w.before), joined(lambda w: w.after))


def _rms(difference: Tensor) -> Tensor:
    return difference.square().mean(-1).sqrt()
