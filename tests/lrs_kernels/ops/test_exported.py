"""Scans under `torch.export`: PyTorch's operators alone, the numbers of the reference."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lrs_kernels import Cell, Variant, cfc_scan, gru_scan, lstm_scan, recurrent_scan, rnn_scan
from tests.lrs_kernels.cases import leaves, make_arguments, outputs_and_grads


class Scan(nn.Module):
    """A scan as a module, which is what can be exported."""

    def __init__(self, scan, **options):
        super().__init__()
        self.scan, self.options = scan, options

    def forward(self, arguments):
        return self.scan(**arguments, **self.options)


def exported(module, arguments, strict=False):
    program = torch.export.export(module, (arguments,), strict=strict)
    assert not names_of(program) & {"lrs_kernels"}
    return program


def names_of(program) -> set[str]:
    """The namespaces of all operators, those of the loop's body too."""
    graphs = [m for m in program.graph_module.modules() if isinstance(m, torch.fx.GraphModule)]
    targets = [node.target for graph in graphs for node in graph.graph.nodes]
    return {target.namespace for target in targets if hasattr(target, "namespace")}


@pytest.mark.parametrize(
    ("scan", "gates"),  # PyTorch takes seconds for each
    [
        pytest.param(rnn_scan, 1, id="rnn"),
        pytest.param(lstm_scan, 4, id="lstm", marks=pytest.mark.long),
        pytest.param(cfc_scan, 3, id="cfc", marks=pytest.mark.long),
        pytest.param(gru_scan, 3, id="gru", marks=pytest.mark.long),
    ],
)
def test_values_and_gradients_are_those_of_the_reference(scan, gates):
    arguments = make_arguments(scan, 5, 2, 4, gates, resets=True, timespans=scan is cfc_scan)
    assert_same(scan, arguments)


@pytest.mark.long
def test_a_masked_population_of_low_rank_is_exported():
    masked = make_arguments(cfc_scan, 5, 2, 4, 3, 2, 2, 0.5, resets=True, timespans=True)
    assert_same(cfc_scan, masked)


def assert_same(scan, arguments):
    program = exported(Scan(scan), arguments).module()
    found = outputs_and_grads(lambda **given: program(given), arguments)
    wanted = outputs_and_grads(scan, arguments, backend="reference")
    for ours, theirs in zip(found[0] + found[1], wanted[0] + wanted[1], strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize("backend", ["auto", "cpu", "reference"])
def test_one_step_has_no_loop_whatever_the_backend(backend):
    arguments = make_arguments(cfc_scan, 1, 2, 4, 3, resets=True)
    program = exported(Scan(cfc_scan, backend=backend), arguments)
    assert names_of(program) == {"aten"}
    for ours, theirs in zip(
        program.module()(arguments), cfc_scan(**arguments, backend="reference"), strict=True
    ):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)


def test_strict_export_works_too():
    arguments = make_arguments(rnn_scan, 5, 2, 4, 1, resets=True)
    program = exported(Scan(rnn_scan), arguments, strict=True)
    torch.testing.assert_close(program.module()(arguments)[0], rnn_scan(**arguments)[0])


def test_a_cell_of_ones_own_is_exported_as_well():
    def leaky(x, recur, states, extras):
        (h,) = states
        return (0.9 * h + 0.1 * torch.tanh(x + recur(h)),)

    cell = Cell("exported_leaky", {"standard": Variant(leaky, gates=(1,))})

    def scan(x_proj, weight, h0):
        y, (h_n,) = recurrent_scan(cell, x_proj, weight, (h0,))
        return y, h_n

    arguments = make_arguments(cfc_scan, 6, 2, 4, 1)
    assert len(leaves(arguments)) == 3
    ours = exported(Scan(scan), arguments).module()(arguments)
    for mine, theirs in zip(ours, scan(**arguments), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-12)


def test_an_unknown_backend_is_refused_while_exporting():
    arguments = make_arguments(cfc_scan, 3, 2, 4, 3)
    with pytest.raises(ValueError, match="backend is 'fast', expected one of"):
        torch.export.export(Scan(cfc_scan, backend="fast"), (arguments,))
