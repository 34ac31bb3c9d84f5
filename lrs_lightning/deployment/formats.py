"""The formats that a policy is exported in: how each is written, and run to be checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch

from lrs_lightning.deployment.interface import KEY, Interface
from lrs_lightning.deployment.numpy_file import open_numpy, write_numpy
from lrs_lightning.deployment.portable import export_program
from lrs_lightning.deployment.runner import Array, Runner, Stepped
from lrs_lightning.errors import ArgumentError, UnknownNameError
from lrs_lightning.experts.onnx_policy import open_session
from lrs_lightning.nn import RecurrentPolicy
from lrs_lightning.nn.export import Labels, write_onnx, write_program

Writer = Callable[[RecurrentPolicy, Interface, Path], None]


@dataclass(frozen=True)
class Format:
    """A kind of file.

    Args:
        file: what it is called.
        write: writes a policy.
        open: reads it back as something that steps, by means of the format alone.
        beside: name -> content of further files that it is used with.
        loading: how it is loaded, as Python.
    """

    file: str
    write: Writer
    open: Callable[[Path, Interface], Runner]
    beside: Callable[[], dict[str, str]]
    loading: str


def find_format(name: str) -> Format:
    """A format by name.

    Raises:
        UnknownNameError: there is none of that name.
    """
    if name not in FORMATS:
        raise UnknownNameError("export format", name, FORMATS)
    return FORMATS[name]


def _write_onnx(policy: RecurrentPolicy, interface: Interface, path: Path) -> None:
    try:
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise ArgumentError(
            "format 'onnx' is checked in onnxruntime before it is released: pip install "
            "'lrs-lightning[export,onnx]'"
        ) from error
    labels = Labels(list(interface.inputs), list(interface.outputs), {0: "batch"})
    write_onnx(export_program(policy, interface), path, labels, {KEY: interface.to_json()})


def _open_onnx(path: Path, interface: Interface) -> Runner:
    session = open_session(path)

    def run(observation: Array, state: tuple[Array, ...], **options: Array) -> Stepped:
        given = zip(interface.states, state, strict=True)
        feeds = {"observation": observation, **dict(given), **options}
        return Stepped.of(session.run(list(interface.outputs), feeds), interface)

    return run


def _write_pt2(policy: RecurrentPolicy, interface: Interface, path: Path) -> None:
    program = export_program(policy, interface)
    write_program(program, path, {KEY: interface.to_json()})


def _open_pt2(path: Path, interface: Interface) -> Runner:
    program = torch.export.load(path).module()

    def run(observation: Array, state: tuple[Array, ...], **options: Array) -> Stepped:
        parts = tuple(torch.from_numpy(part) for part in state)
        further = {name: torch.from_numpy(values) for name, values in options.items()}
        with torch.no_grad():
            outputs = program(torch.from_numpy(observation), parts, **further)
        return Stepped.of([part.numpy() for part in outputs], interface)

    return run


def _module(name: str) -> str:
    """The text of a module of this folder."""
    return (files("lrs_lightning.deployment") / name).read_text(encoding="utf-8")


def _nothing() -> dict[str, Any]:
    return {}


FORMATS: dict[str, Format] = {
    "onnx": Format(
        "policy.onnx",
        _write_onnx,
        _open_onnx,
        lambda: {"onnx_loop.py": _module("onnx_loop.py")},
        """from onnx_loop import OnnxLoop  # for a fixed number of rows; keeps the state itself

policy = OnnxLoop("policy.onnx", rows=1)
action = policy(observation, reset=True)  # an episode begins
action = policy(observation)

import onnxruntime  # for any number of rows, with inputs and outputs by name, see below

session = onnxruntime.InferenceSession("policy.onnx")
outputs = session.run(None, inputs)""",
    ),
    "pt2": Format(
        "policy.pt2",
        _write_pt2,
        _open_pt2,
        _nothing,
        """import torch

policy = torch.export.load("policy.pt2").module()
with torch.no_grad():
    outputs = policy(observation, state, **options)  # state: a tuple; dt and reset by name""",
    ),
    "numpy": Format(
        "policy.npz",
        write_numpy,
        open_numpy,
        lambda: {"lrs_policy.py": _module("numpy_policy.py")},
        """from lrs_policy import Policy

policy = Policy("policy.npz")
action = policy(observation, reset=True)  # an episode begins
action = policy(observation)""",
    ),
}
"""Formats by name."""
