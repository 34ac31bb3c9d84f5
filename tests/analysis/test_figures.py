"""What figures show of numbers that are known: nothing cut off, trajectories apart, sentences."""

from __future__ import annotations

import pytest
import torch

from lrs_lightning.analysis.board import write_board
from lrs_lightning.analysis.dynamics import Dynamics
from lrs_lightning.analysis.figures import jacobians, lyapunov, matrices
from lrs_lightning.analysis.figures.picture import counted, each, looks, where
from lrs_lightning.analysis.scene import Scene
from lrs_lightning.analysis.table import row
from lrs_lightning.analysis.weights import compare_matrices


def scene(kind="own", condition="clean", radius=0.5, norm=0.5, top=-1.0, episodes=2):
    """A scene of which only the Jacobians and exponents are asked."""
    moving = Dynamics(
        torch.full((5,), radius).double(),
        torch.full((5,), norm).double(),
        torch.tensor([[top, -2.0, -torch.inf]] * episodes).double(),
        {},
    )
    return Scene(kind, condition, episodes, 50, [0.0] * episodes, moving, [], None)


@pytest.mark.parametrize("norm", [0.2, 1.7, 30.0])
def test_no_norm_is_cut_off(norm):
    scenes = {"a": scene(radius=0.3), "b": scene(norm=norm)}
    first, second = jacobians(scenes, {"a": 1.2, "b": 0.1}).figure.axes
    assert first.get_xlim() == second.get_xlim()
    assert first.get_xlim()[0] == 0 and first.get_xlim()[1] > max(norm, 1.2)


def test_worlds_have_colours_and_trajectories_lines():
    places = [("own", "clean"), ("own", "mass@2"), ("common", "clean"), ("common", "mass@2")]
    found = looks({f"{k}, {c}": scene(k, c) for k, c in places})
    assert found[0].color == found[2].color != found[1].color == found[3].color
    assert found[0].line == found[1].line == "-" != found[2].line == found[3].line
    assert found[0].fill == found[0].color != found[2].fill


def test_each_of_many_policies_has_a_look_of_its_own():
    found = looks({str(i): scene() for i in range(25)})
    assert len({(look.color, str(look.line)) for look in found}) == 25


def test_sentences_name_the_trajectory_where_the_names_do_not():
    runs = {"run-1": scene("common"), "run-2": scene("common", top=-0.5)}
    assert where(runs) == " on common trajectories, clean"
    assert where({"own, clean": scene(), "common, clean": scene("common")}) == ""
    assert where({"own, clean": scene()}) == ""
    caption = lyapunov(runs).caption
    assert "on common trajectories, clean is -1.00 (run-1) and -0.50 (run-2)" in caption
    assert "over 2 episodes each; 1 more are minus infinity" in caption


def test_many_values_are_told_by_their_ends():
    values = {name: float(i) for i, name in enumerate("bcdefgha")}
    assert each(values, "{:g}".format) == "0 (b) to 7 (a)"
    assert each({"x": 1.0, "y": 0.0}, "{:g}".format) == "1 (x) and 0 (y)"
    assert counted([3, 3]) == "3" and counted([1200, 3]) == "3 to 1,200"


def test_the_sentence_of_the_weights_tells_every_layer():
    trained = [torch.eye(3).expand(1, 3, 3).double(), 2 * torch.eye(3).expand(1, 3, 3).double()]
    caption = matrices(["h"], compare_matrices(trained)).caption
    assert "layer 0: h 1.00; layer 1: h 2.00" in caption and "are not known" in caption
    caption = matrices(["h"], compare_matrices(trained, [w / 2 for w in trained])).caption
    assert "layer 1: h from 1.00 to 2.00, and ΔW has stable rank 3.0 of 3" in caption


def test_tensorboard_shows_the_last_analysis_of_a_step(tmp_path):
    rows = [row(quantity="jacobian radius", trajectory="own", condition="clean", value=0.5)]
    for step in (7, 7, 9):
        write_board(tmp_path, [], rows, step)
    names = sorted(path.name.rpartition(".")[2] for path in tmp_path.iterdir())
    assert names == ["step7", "step9"]
