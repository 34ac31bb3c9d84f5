"""What runs the recurrences of a module is what `lrs_kernels` chooses for them."""

import pytest
import torch

from lrs_kernels import find_cell
from lrs_kernels.dispatch import choose
from lrs_lightning.nn import LRSGRU, LRSLSTM, LRSRNN, LRSCfC, recurrent, running
from lrs_lightning.nn.backends import backends, in_words


def test_each_cell_has_what_is_chosen_for_it():
    module = torch.nn.ModuleList([LRSCfC(3, 4, rank=2), LRSLSTM(3, 4, rank=2, backend="cpu")])
    found = backends(module)
    assert found == {
        "cfc": choose("auto", find_cell("cfc"), "paper", "cpu"),
        "lstm": choose("cpu", find_cell("lstm"), "standard", "cpu"),
    }
    assert in_words(found).endswith("; lstm on cpu (asked for)")


def test_a_cell_on_two_backends_is_told_twice():
    layers = [LRSCfC(3, 4, rank=2, backend=name) for name in ("cpu", "reference", "cpu")]
    found = backends(torch.nn.ModuleList(layers))
    assert {name: choice.backend for name, choice in found.items()} == {
        "cfc": "cpu",
        "cfc 2": "reference",
    }


def test_without_a_layer_there_is_nothing():
    assert backends(torch.nn.LSTM(3, 4)) == {} and in_words({}) == ""


LAYERS = {
    "fused": lambda **kind: LRSGRU(3, 4, rank=2, **kind),
    "two layers": lambda **kind: LRSRNN(3, 4, num_layers=2, **kind),
    "projected": lambda **kind: LRSLSTM(3, 4, proj_size=2, **kind),
    "imported": lambda **kind: LRSCfC(3, 4, mode="default", **kind),
}


@pytest.mark.parametrize("lengths", [None, torch.tensor([2, 5])])
@pytest.mark.parametrize("backend", ["reference", "cpu", "auto"])
@pytest.mark.parametrize("kind", LAYERS)
def test_what_a_layer_is_told_reaches_every_scan(kind, backend, lengths, monkeypatch):
    asked = []
    scans = (
        (running, "recurrent_layer"),
        (running, "recurrent_scan"),
        (recurrent, "layer_from_zero"),
    )
    for module, name in scans:
        of = getattr(module, name)

        def scan(*given, _of=of, **options):
            asked.append(options["backend"])
            return _of(*given, **options)

        monkeypatch.setattr(module, name, scan)
    LAYERS[kind](backend=backend)(torch.randn(5, 2, 3), lengths=lengths)
    assert asked and set(asked) == {backend}
