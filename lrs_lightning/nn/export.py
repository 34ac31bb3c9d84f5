"""Layers as files that run elsewhere: without this package, and without Python if need be.

What is written holds operations of PyTorch or ONNX alone: one loop over time (`Scan` of ONNX),
whose body is the step of the cell. Batch and number of steps stay open.
"""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from lrs_lightning.errors import ArgumentError
from lrs_lightning.files import whole_file
from lrs_lightning.nn import _checks
from lrs_lightning.nn.posthoc import dense_layer
from lrs_lightning.nn.recurrent import LRSLayer

_ONNX_LIMIT = 2**31 - 2**20
"""Bytes of weights that fit into one ONNX file; protobuf ends at 2 GiB, and the graph is small."""


class PortableLayer(nn.Module):
    """A layer as it is exported: every state is given, and the time axis may be missing.

    Args:
        layer: what runs.
        step: whether the inputs are those of one step, without the axis of time.

    Example:
        >>> from lrs_lightning.nn import LRSGRU
        >>> portable = PortableLayer(LRSGRU(5, 8), step=True)
        >>> y, h = portable(torch.randn(2, 5), (torch.zeros(1, 2, 8),))
        >>> y.shape, h.shape
        (torch.Size([2, 8]), torch.Size([1, 2, 8]))
    """

    def __init__(self, layer: LRSLayer, step: bool = False) -> None:
        super().__init__()
        self.layer = layer
        self.time_axis = 1 if layer.batch_first else 0
        self.step = step

    def forward(
        self,
        input: Tensor,
        state: tuple[Tensor, ...],
        timespans: Tensor | None = None,
        resets: Tensor | None = None,
    ) -> tuple[Tensor, ...]:
        """Output, and the final states side by side.

        Args:
            input: `(T, B, I)`, or `(B, T, I)` as the layer has it; one step: `(B, I)`.
            state: h, and c of an LSTM, each `(layers, B, size)`.
            timespans: shaped like the input without features.
            resets: the same.
        """
        given = [self._with_time(part) for part in (input, timespans, resets)]
        y, final = self.layer(given[0], state, timespans=given[1], resets=given[2])
        y = y.squeeze(self.time_axis) if self.step else y
        return y, *((final,) if isinstance(final, Tensor) else final)

    def _with_time(self, part: Tensor | None) -> Tensor | None:
        return part.unsqueeze(self.time_axis) if self.step and part is not None else part

    def example(self, timespans: bool, resets: bool) -> tuple[tuple[Any, ...], dict[str, Tensor]]:
        """Arguments of a call, all zero."""
        like = self.layer.part("weight_ih", 0)
        rows, steps = 2, () if self.step else (3,)
        lead = (rows, *steps) if self.layer.batch_first else (*steps, rows)
        options = {}
        if timespans:
            options["timespans"] = like.new_zeros(lead)
        if resets:
            options["resets"] = like.new_zeros(lead, dtype=torch.bool)
        x = like.new_zeros(*lead, self.layer.input_size)
        return (x, self.layer.initial_state(rows, like)), options

    @property
    def axes(self) -> dict[int, str]:
        """The axes of the input that may have any size, and their names."""
        if self.step:
            return {0: "batch"}
        return {self.time_axis: "time", 1 - self.time_axis: "batch"}


def export_program(
    layer: LRSLayer, *, step: bool = False, timespans: bool = False, resets: bool = True
) -> ExportedProgram:
    """Record a layer in evaluation mode as a program of PyTorch's own operations.

    `W1 W2 ⊙ M` is formed once and stored, so the program runs and is not meant to be trained.
    To export a module of yours that holds a layer, call `torch.export.export` on it.

    Args:
        layer: any of `LRSCfC`, `LRSLSTM`, `LRSGRU`, `LRSRNN`, or one for a cell of your own.
        step: record one step, whose inputs have no axis of time; whole sequences otherwise.
        timespans: whether the program takes elapsed times; only for cells that know time (CfC).
        resets: whether it takes resets.

    Returns:
        A program that is called like `PortableLayer`: `(input, state, timespans=..., resets=...)`,
        with the last two only where they were asked for.

    Raises:
        ArgumentError: not a layer of ours, or time spans for a cell that knows no time.

    Example:
        >>> from lrs_lightning.nn import LRSCfC
        >>> program = export_program(LRSCfC(5, 8, rank=2, sparsity=0.5))
        >>> x, h = torch.randn(50, 4, 5), torch.zeros(1, 4, 8)
        >>> y, h_n = program.module()(x, (h,), resets=torch.rand(50, 4) < 0.1)
        >>> y.shape, h_n.shape
        (torch.Size([50, 4, 8]), torch.Size([1, 4, 8]))
    """
    if not isinstance(layer, LRSLayer):
        raise ArgumentError(
            f"layer is a {type(layer).__name__}: give a layer of lrs_lightning.nn; a module that "
            "holds one goes to torch.export.export."
        )
    if timespans and not layer.knows_time:
        raise ArgumentError(
            f"timespans asked of {type(layer).__name__}, which knows no time between steps: leave "
            "them out, or export an LRSCfC."
        )
    portable = PortableLayer(dense_layer(layer), step).eval()
    positional, options = portable.example(timespans, resets)
    batch = Dim("batch")
    lead = {axis: batch if name == "batch" else Dim(name) for axis, name in portable.axes.items()}
    states = tuple({1: batch} for _ in range(layer.states))
    shapes = {"input": lead, "state": states} | dict.fromkeys(options, lead)
    with torch.no_grad():
        return torch.export.export(portable, positional, options, dynamic_shapes=shapes)


def export_layer(
    layer: LRSLayer,
    path: str | Path,
    format: str | None = None,
    *,
    step: bool = False,
    timespans: bool = False,
    resets: bool = True,
) -> Path:
    """Write a layer to a file that runs without this package.

    Args:
        layer: see `export_program`.
        path: the file.
        format: `"pt2"`: a program for `torch.export.load`; `"onnx"`; `"aotinductor"`: a package
            compiled for this kind of machine, for `torch._inductor.aoti_load_package` and C++. By
            default the suffix of `path` decides, `.pt2` or `.onnx`.
        step: one step instead of whole sequences.
        timespans: whether it takes elapsed times.
        resets: whether it takes resets.

    Returns:
        The path. ONNX inputs are called `input`, `h`, `c`, `timespans`, `resets` as far as they are
        there, outputs `output`, `h_n`, `c_n`.

    Raises:
        ArgumentError: an unknown format, another suffix than its own, something that the format
            needs is not installed, or weights that it cannot hold.
        DataError: the file cannot be written.
    """
    path = Path(path)
    write = _writer(path, format)
    program = export_program(layer, step=step, timespans=timespans, resets=resets)
    options = [name for name, asked in (("timespans", timespans), ("resets", resets)) if asked]
    labels = Labels(
        ["input", *layer.cell.states, *options],
        ["output", *(f"{state}_n" for state in layer.cell.states)],
        PortableLayer(layer, step).axes,
    )
    with whole_file(path) as unfinished:
        write(program, unfinished, labels)
    return path


class Labels(NamedTuple):
    """What a file calls its parts."""

    inputs: list[str]
    outputs: list[str]
    axes: dict[int, str]
    """of the input"""


Writer = Callable[[ExportedProgram, Path, Labels], None]


def _writer(path: Path, format: str | None) -> Writer:
    """The function of a format; the suffix of the path must be the format's own."""
    if format is None:
        format = path.suffix.removeprefix(".")
    _checks.choice("export format", format, _WRITERS)
    suffix = ".onnx" if format == "onnx" else ".pt2"
    if path.suffix != suffix:
        raise ArgumentError(f"path is {path}, but a file of format {format!r} ends in {suffix}.")
    return _WRITERS[format]


def _write_pt2(program: ExportedProgram, path: Path, _: Labels) -> None:
    write_program(program, path)


def write_program(
    program: ExportedProgram, path: Path, further: dict[str, Any] | None = None
) -> None:
    """Write a program for `torch.export.load`.

    PyTorch ends the process where its own writing fails: a disk that is full. So the archive is
    made in memory.

    Args:
        program: what is written.
        path: the file.
        further: name -> text of further parts of the archive.

    Raises:
        OSError: the file cannot be written.
    """
    content = io.BytesIO()
    torch.export.save(program, content, extra_files=further)
    path.write_bytes(content.getvalue())


def write_onnx(
    program: ExportedProgram,
    path: Path,
    labels: Labels,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write a program as an ONNX file.

    Args:
        program: what is written.
        path: the file.
        labels: what its parts are called.
        metadata: strings that the file carries along.

    Raises:
        ArgumentError: onnxscript is not installed, or the weights are more than the format holds.
    """
    size = sum(part.nbytes for part in program.state_dict.values())
    if size > _ONNX_LIMIT:
        raise ArgumentError(
            f"the weights take {size / 2**30:.1f} GiB, and an ONNX file holds less than 2: export "
            "as 'pt2' or 'aotinductor'."
        )
    try:
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ArgumentError(
            "format 'onnx' needs onnx and onnxscript: pip install 'lrs-lightning[export]'"
        ) from error
    with _quiet():
        written = torch.onnx.export(
            program,
            dynamo=True,
            input_names=labels.inputs,
            output_names=labels.outputs,
            # The other inputs have no other axes, and naming one twice is warned of.
            dynamic_shapes=[labels.axes, *[None] * (len(labels.inputs) - 1)],
            verbose=False,
        )
    assert written is not None
    written.model.metadata_props.update(metadata or {})
    written.save(path)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what the exporter says of packages that are not needed, and of its own code."""
    log = logging.getLogger("torch.onnx._internal.exporter._registration")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):  # old ones print
            warnings.filterwarnings("ignore", ".*treespec.*", FutureWarning)
            yield
    finally:
        log.setLevel(before)


def _write_aotinductor(program: ExportedProgram, path: Path, _: Labels) -> None:
    from torch._inductor import aoti_compile_and_package
    from torch._inductor.cpp_builder import get_cpp_compiler
    from torch._inductor.exc import InvalidCxxCompiler

    try:
        get_cpp_compiler()
    except InvalidCxxCompiler as error:
        raise ArgumentError(
            "format 'aotinductor' needs a C++ compiler: install g++ or clang++, or name one in CXX."
        ) from error
    content = io.BytesIO()
    aoti_compile_and_package(program, package_path=content)
    path.write_bytes(content.getvalue())


_WRITERS: dict[str, Writer] = {
    "pt2": _write_pt2,
    "onnx": write_onnx,
    "aotinductor": _write_aotinductor,
}
