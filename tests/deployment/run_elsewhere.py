"""`python run_elsewhere.py FILE CALLS RESULTS`: step an exported policy without this project.

CALLS is an `.npz` of one array of observations `(T, N, ...)`, of `reset (T, N)` and, for some, `dt
(T, N)`; RESULTS gets the actions `(T, N, ...)`. The state goes from step to step.
"""

from __future__ import annotations

import sys
from pathlib import Path

for name in ("lrs_lightning", "lrs_kernels"):
    sys.modules[name] = None  # type: ignore[assignment]  # to import it raises


def onnx(path: Path, rows: int):
    """There is no PyTorch either; what to feed is read from the file."""
    sys.modules["torch"] = None  # type: ignore[assignment]
    import numpy as np
    import onnxruntime

    session = onnxruntime.InferenceSession(path)
    names = [port.name for port in session.get_outputs()]
    state = {
        port.name: np.zeros([rows if size == "batch" else size for size in port.shape], np.float32)
        for port in session.get_inputs()
        if port.name in ("h", "c")
    }

    def step(**inputs):
        outputs = dict(zip(names, session.run(names, {**inputs, **state}), strict=True))
        state.update({name: outputs[f"{name}_n"] for name in state})
        return outputs["action"]

    return step


def pt2(path: Path, rows: int):
    import json

    import torch

    files = {"lrs_lightning": ""}
    program = torch.export.load(path, extra_files=files).module()
    states = json.loads(files["lrs_lightning"])["states"].values()
    held = [tuple(torch.zeros(layers, rows, size) for layers, size in states)]

    def step(observation, **options):
        further = {name: torch.from_numpy(values) for name, values in options.items()}
        with torch.no_grad():
            action, *after = program(torch.from_numpy(observation), held[0], **further)
        held[0] = tuple(after[: len(held[0])])
        return action.numpy()

    return step


def npz(path: Path, rows: int):
    """NumPy alone: nothing else that is not Python's own may be imported."""
    sys.path.insert(0, str(path.parent))
    from lrs_policy import Policy

    policy = Policy(path, batch=rows)
    foreign = {name.partition(".")[0] for name in sys.modules} - set(sys.stdlib_module_names)
    mine = {"lrs_policy", "numpy", "__main__", "lrs_lightning", "lrs_kernels"}
    startup = {name for name in foreign if name.startswith(("_", "sitecustomize", "site"))}
    assert foreign - mine - startup <= BEFORE, foreign - mine - startup - BEFORE
    return policy


if __name__ == "__main__":
    BEFORE = {name.partition(".")[0] for name in sys.modules}
    path, calls, results = map(Path, sys.argv[1:])
    import numpy as np

    with np.load(calls) as file:
        given = dict(file)
    step = {".onnx": onnx, ".pt2": pt2, ".npz": npz}[path.suffix](path, given["reset"].shape[1])
    steps = [{k: v[t] for k, v in given.items()} for t in range(len(given["reset"]))]
    np.save(results, np.stack([step(**inputs) for inputs in steps]))
