"""`python run_exported.py FILE FORMAT CALLS RESULTS`: run an exported layer without this project.

CALLS is an `.npz` of inputs `<call>/<name>`; RESULTS gets the outputs as `<call>/<place>`.
"""

from __future__ import annotations

import sys

import numpy as np

for name in ("lrs_lightning", "lrs_kernels"):
    sys.modules[name] = None  # type: ignore[assignment]  # to import it raises


def onnx(path: str):
    """Outputs from inputs by name; there is no PyTorch either."""
    sys.modules["torch"] = None  # type: ignore[assignment]
    import onnxruntime

    session = onnxruntime.InferenceSession(path)
    return lambda inputs: session.run(None, inputs)


def program(path: str):
    import torch

    return as_numpy(torch.export.load(path).module())


def package(path: str):
    import torch

    return as_numpy(torch._inductor.aoti_load_package(path))


def as_numpy(function):
    """The same on arrays, with the states in a tuple."""
    import torch

    def run(inputs):
        given = {key: torch.from_numpy(value) for key, value in inputs.items()}
        state = tuple(given.pop(key) for key in ("h", "c") if key in given)
        with torch.no_grad():
            return [part.numpy() for part in function(given.pop("input"), state, **given)]

    return run


if __name__ == "__main__":
    path, kind, calls, results = sys.argv[1:]
    function = {"onnx": onnx, "pt2": program, "aotinductor": package}[kind](path)
    given: dict[str, dict[str, np.ndarray]] = {}
    for key, value in np.load(calls).items():
        call, name = key.split("/")
        given.setdefault(call, {})[name] = value
    outputs = {
        f"{call}/{place}": part
        for call, inputs in given.items()
        for place, part in enumerate(function(inputs))
    }
    np.savez(results, **outputs)
