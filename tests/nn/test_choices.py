"""What other packages add to the choices, found by its entry point and by nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest

from lrs_lightning.errors import ArgumentError, UnknownNameError
from lrs_lightning.nn import CORES, choices, cores


@pytest.fixture(autouse=True)
def untouched(monkeypatch):
    monkeypatch.setattr(CORES, "_classes", dict(CORES._classes))
    choices.load_plugins.cache_clear()
    yield
    choices.load_plugins.cache_clear()


class Plugin:
    """An entry point that registers a core, or cannot."""

    name = "swarm"

    def __init__(self, error=None):
        self.error, self.loaded = error, 0

    def load(self):
        self.loaded += 1
        if self.error is not None:
            raise self.error
        CORES.register(Swarm)


@dataclass(frozen=True)
class Swarm(cores.MLP):
    name: ClassVar[str] = "swarm"


def installed(monkeypatch, plugin):
    def entry_points(group):
        return [plugin] if group == "lrs_lightning.nn" else []

    monkeypatch.setattr(choices, "entry_points", entry_points)
    return plugin


def test_a_plugin_is_asked_once_and_only_for_a_name_that_is_not_known(monkeypatch):
    plugin = installed(monkeypatch, Plugin())
    assert CORES["gru"] is cores.GRU and plugin.loaded == 0
    assert CORES["swarm"] is Swarm and list(CORES)[-1] == "swarm"
    for _ in range(2):
        with pytest.raises(UnknownNameError, match="unknown core 'swarms': did you mean 'swarm'"):
            CORES["swarms"]
    assert plugin.loaded == 1


def test_a_plugin_that_cannot_be_imported_is_named(monkeypatch):
    installed(monkeypatch, Plugin(ImportError("no module named hive")))
    with pytest.raises(ArgumentError) as caught:
        CORES["swarm"]
    assert str(caught.value) == (
        "the plug-in 'swarm' of lrs_lightning.nn cannot be imported (no module named hive): "
        "update or remove its package."
    )


def test_a_class_that_is_imported_again_takes_the_place_of_itself():
    again = dataclass(frozen=True)(type("GRU", (cores.GRU,), {"__module__": cores.__name__}))
    assert CORES.register(again) is again and CORES["gru"] is again
