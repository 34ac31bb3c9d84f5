"""What Lightning leaves out of a checkpoint: half a mean, generators, a validation cut short."""

from __future__ import annotations

from typing import Any

import torch


def settle_validation(loops: dict[str, Any], pending: bool) -> None:
    """Have a resumed run validate anew where a validation was cut, and not where none was."""
    progress, begun = loops["epoch_loop.val_loop.batch_progress"], int(pending)
    progress["total"] = {"ready": begun, "started": begun, "processed": 0, "completed": 0}
    progress["current"] = dict.fromkeys(progress["total"], 0)
    progress["is_last_batch"] = False


def metric_state(metric: Any) -> dict[str, Any]:
    """Sum and weight of a mean that is not complete yet."""
    if metric is None:
        return {}
    return {"count": metric.update_count, **{k: v.cpu() for k, v in metric.metric_state.items()}}


def restore_metric(metric: Any, state: dict[str, Any]) -> None:
    """Go on with the mean."""
    if metric is not None and state:
        metric.reset()
        for name, value in state.items():
            if name != "count":
                setattr(metric, name, value.to(metric.device))
        metric._update_count = int(state["count"])  # there is no public way


def generators() -> dict[str, Any]:
    """State of torch's generators; nothing in training draws from another one."""
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return {"cpu": torch.get_rng_state(), "cuda": cuda}


def restore_generators(state: dict[str, Any]) -> None:
    """Go on with the generators; those of the GPUs only where there are as many."""
    torch.set_rng_state(state["cpu"])
    if len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(state["cuda"])
