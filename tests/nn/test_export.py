"""Exported layers: run where this project cannot be imported, equal over a thousand steps."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from lrs_lightning.errors import ArgumentError
from lrs_lightning.nn import LRSGRU, LRSLSTM, LRSRNN, LRSCfC, export, export_layer, export_program
from tests.selection import always

RUNNER = Path(__file__).with_name("run_exported.py")
PRIOR = {"rank": 3, "sparsity": 0.5}
LAYERS = {
    "cfc": lambda: LRSCfC(5, 16, 2, **PRIOR),
    "cfc-dense-default": lambda: LRSCfC(5, 16, mode="default", batch_first=True),
    "cfc-no_gate": lambda: LRSCfC(5, 16, mode="no_gate", recurrent_scale=0.5, **PRIOR),
    "cfc-pure": lambda: LRSCfC(5, 16, mode="pure", **PRIOR),
    "cfc-frozen-cut": lambda: trained(LRSCfC(5, 16, gate="frozen", eval_rank=4, eval_sparsity=0.2)),
    "lstm": lambda: LRSLSTM(5, 16, 2, **PRIOR),
    "lstm-projected": lambda: LRSLSTM(5, 16, 2, proj_size=4, bias=False, batch_first=True),
    "gru": lambda: LRSGRU(5, 16, **PRIOR),
    "gru-dense-bare": lambda: LRSGRU(5, 16, bias=False),
    "rnn": lambda: LRSRNN(5, 16, 2, sparsity=0.5),
    "rnn-relu": lambda: LRSRNN(5, 16, nonlinearity="relu", rank=3, recurrent_scale=0.5),
}


def trained(layer):
    """Its frozen gate has a mean."""
    layer(torch.randn(9, 4, 5))
    return layer


def calls(layer, step, *sizes):
    """Inputs by name, for T steps and B rows each."""
    found = []
    for steps, rows in sizes:
        lead = (rows, steps) if layer.batch_first else (steps, rows)
        lead = (rows,) if step else lead
        state = [torch.randn_like(part) for part in layer.initial_state(rows, torch.zeros(1))]
        call = {"input": torch.randn(*lead, 5), **dict(zip("hc", state, strict=False))}
        if layer.knows_time:
            call["timespans"] = 2 * torch.rand(lead)
        found.append(call | {"resets": torch.rand(lead) < 0.02})
    return found


def wanted(layer, step, call):
    """Outputs of the layer itself, in evaluation mode."""
    given = dict(call)
    state = tuple(given.pop(key) for key in ("h", "c") if key in given)
    axis = 1 if layer.batch_first else 0
    if step:
        given = {key: value.unsqueeze(axis) for key, value in given.items()}
    with torch.no_grad():
        y, final = layer.eval()(given.pop("input"), state, **given)
    return [y.squeeze(axis) if step else y, *(final if isinstance(final, tuple) else (final,))]


def run_elsewhere(path, kind, given, folder):
    """The outputs of a file, from a process of its own that knows nothing of this project."""
    arrays = {f"{n}/{key}": v.numpy() for n, call in enumerate(given) for key, v in call.items()}
    np.savez(folder / "calls.npz", **arrays)
    command = [sys.executable, RUNNER, path, kind, folder / "calls.npz", folder / "results.npz"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr
    results = np.load(folder / "results.npz")
    return [
        [torch.from_numpy(results[key]) for key in results if key.startswith(f"{n}/")]
        for n in range(len(given))
    ]


def assert_parity(layer, folder, kind, step=False):
    path = folder / ("layer.onnx" if kind == "onnx" else "layer.pt2")
    assert export_layer(layer, path, kind, step=step, timespans=layer.knows_time) == path
    given = calls(layer, step, (1000, 3), (1, 1))
    for call, found in zip(given, run_elsewhere(path, kind, given, folder), strict=True):
        for ours, theirs in zip(wanted(layer, step, call), found, strict=True):
            assert ours.isfinite().all()
            torch.testing.assert_close(theirs, ours, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", always(LAYERS, {"cfc-frozen-cut", "lstm-projected"}.__contains__))
def test_sequences_in_onnxruntime(name, tmp_path):
    assert_parity(LAYERS[name](), tmp_path, "onnx")


@pytest.mark.parametrize("name", always(LAYERS, "cfc".__eq__))
def test_one_step_in_onnxruntime(name, tmp_path):
    assert_parity(LAYERS[name](), tmp_path, "onnx", step=True)


@pytest.mark.long  # PyTorch takes half a minute for each
@pytest.mark.parametrize("name", LAYERS)
def test_sequences_of_a_saved_program(name, tmp_path):
    assert_parity(LAYERS[name](), tmp_path, "pt2")


@pytest.mark.long
def test_one_step_of_a_saved_program(tmp_path):
    assert_parity(LAYERS["lstm"](), tmp_path, "pt2", step=True)


@pytest.mark.long
@pytest.mark.timeout(900)  # a busy machine compiles for minutes
@pytest.mark.parametrize(("name", "step"), [("lstm", False), ("cfc", True)])
def test_a_compiled_package(name, step, tmp_path):
    assert_parity(LAYERS[name](), tmp_path, "aotinductor", step)


def test_the_layer_is_left_as_it_was():
    layer = LRSGRU(5, 16, **PRIOR).train()
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    export_program(layer, step=True)
    assert layer.training and layer.connectivity.rank == 3
    assert all(parameter.requires_grad for parameter in layer.parameters())
    for name, value in layer.state_dict().items():
        assert torch.equal(value, before[name])


def test_what_stands_in_for_a_parameter_is_exported():
    layer = LRSRNN(5, 8, rank=2)
    nn.utils.parametrizations.weight_norm(layer, "weight_hh_w1_l0")
    program = export_program(layer, step=True, resets=False)
    x, h = torch.randn(2, 5), torch.randn(1, 2, 8)
    y, _ = program.module()(x, (h,))
    torch.testing.assert_close(y, layer(x.unsqueeze(0), h)[0][0])


def test_a_module_that_holds_a_layer_is_exported_with_its_gradients():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.head = LRSCfC(5, 8, batch_first=True, **PRIOR), nn.Linear(8, 2)

        def forward(self, x):
            return self.head(self.layer(x)[0])

    net, axes = Net(), {0: torch.export.Dim("rows"), 1: torch.export.Dim("steps")}
    program = torch.export.export(net, (torch.randn(2, 3, 5),), dynamic_shapes=(axes,))
    x, module = torch.randn(4, 9, 5), program.module()
    for one in (net, module):
        one(x).square().sum().backward()
    mine = dict(module.named_parameters())
    for name, parameter in net.named_parameters():
        torch.testing.assert_close(mine[name].grad, parameter.grad, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((LRSRNN(5, 8), "layer.bin"), "unknown export format 'bin'.*aotinductor, onnx, pt2"),
        ((LRSRNN(5, 8), "layer.onnx", "pt2"), "format 'pt2' ends in .pt2"),
        ((LRSRNN(5, 8), "layer.pt2", "onnx"), "format 'onnx' ends in .onnx"),
        ((nn.LSTM(5, 8), "layer.pt2"), "layer is a LSTM: give a layer of lrs_lightning.nn"),
    ],
)
def test_what_cannot_be_exported_is_refused(arguments, message, tmp_path):
    layer, name, *rest = arguments
    with pytest.raises(ArgumentError, match=message) as caught:
        export_layer(layer, tmp_path / name, *rest)
    assert "\n" not in str(caught.value) and not list(tmp_path.iterdir())


def test_time_spans_need_a_cell_that_knows_time():
    with pytest.raises(ArgumentError, match="timespans asked of LRSGRU, which knows no time"):
        export_program(LRSGRU(5, 8), timespans=True)


def test_without_onnxscript_a_sentence_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(ArgumentError, match=r"pip install 'lrs-lightning\[export\]'"):
        export_layer(LRSRNN(5, 8), tmp_path / "layer.onnx", step=True)
    assert not list(tmp_path.iterdir())


def test_weights_beyond_the_limit_of_onnx_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(export, "_ONNX_LIMIT", 400)
    with pytest.raises(ArgumentError, match="weights take 0.0 GiB, and an ONNX file holds less"):
        export_layer(LRSRNN(5, 8), tmp_path / "layer.onnx", step=True)
    assert not list(tmp_path.iterdir())


def test_without_a_compiler_a_package_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(torch._inductor.config.cpp, "cxx", (None, "no-such-compiler"))
    with pytest.raises(ArgumentError, match="needs a C.. compiler"):
        export_layer(LRSRNN(5, 8), tmp_path / "layer.pt2", "aotinductor", step=True)
    assert not list(tmp_path.iterdir())


def test_a_program_takes_further_parts_along(tmp_path):
    program = torch.export.export(nn.Linear(2, 3), (torch.zeros(4, 2),))
    export.write_program(program, tmp_path / "a.pt2", {"about": "of a robot"})
    parts = {"about": ""}
    read = torch.export.load(tmp_path / "a.pt2", extra_files=parts)
    assert parts == {"about": "of a robot"}
    assert torch.equal(read.module()(torch.ones(4, 2)), program.module()(torch.ones(4, 2)))


def test_a_package_is_what_the_compiler_makes_of_the_program(tmp_path, monkeypatch):
    given = []

    def compiled(program, *, package_path):
        given.append(program)
        package_path.write(b"a package")

    monkeypatch.setattr(torch._inductor, "aoti_compile_and_package", compiled)
    monkeypatch.setattr(torch._inductor.cpp_builder, "get_cpp_compiler", lambda: "cc")
    layer = LRSRNN(5, 8)
    path = export_layer(layer, tmp_path / "layer.pt2", "aotinductor", step=True, resets=False)
    assert path.read_bytes() == b"a package"
    (program,), x, h = given, torch.randn(2, 5), torch.randn(1, 2, 8)
    torch.testing.assert_close(program.module()(x, (h,))[0], layer(x.unsqueeze(0), h)[0][0])


def test_an_onnx_file_carries_its_strings_and_is_written_in_silence(
    tmp_path, monkeypatch, capsys, caplog, recwarn
):
    log = logging.getLogger("torch.onnx._internal.exporter._registration")

    class Written:
        model = SimpleNamespace(metadata_props={"by": "torch"})

        def save(self, path):
            path.write_text(json.dumps(self.model.metadata_props))

    def noisy(program, **options):
        print("exporting")
        log.warning("a package is missing")
        warnings.warn("a treespec of old", FutureWarning, stacklevel=1)
        return Written()

    monkeypatch.setattr(torch.onnx, "export", noisy)
    program = SimpleNamespace(state_dict={"w": torch.zeros(3)})
    before, labels = log.level, export.Labels(["input", "h", "resets"], ["output", "h_n"], {})
    export.write_onnx(program, tmp_path / "a.onnx", labels, {"dt": "0.05"})
    assert json.loads((tmp_path / "a.onnx").read_text()) == {"by": "torch", "dt": "0.05"}
    export.write_onnx(program, tmp_path / "b.onnx", labels)
    assert (capsys.readouterr().out, caplog.messages, list(recwarn)) == ("", [], [])
    assert log.level == before
