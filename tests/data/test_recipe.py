"""Collected once, found ever after: by one process or by several at the same moment."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from lrs_lightning.data import DemonstrationStore, write_store
from lrs_lightning.data import recipe as recipes
from lrs_lightning.data.recipe import Recipe, find_or_collect
from tests.data.toys import FORK, TASK, episode, together, writer_of

TASK = replace(TASK, env="Pendulum-v1")
RECIPE = Recipe(TASK.env, episodes=2)


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


class Collector:
    """Collects episodes of one writer, and counts how often it was asked."""

    def __init__(self, who: int = 1, seconds: float = 0.0) -> None:
        self.who, self.seconds, self.asked = who, seconds, 0

    def __call__(self, out, env, expert, episodes, noise, seed):
        self.asked += 1
        time.sleep(self.seconds)
        return write_store(out, TASK, [episode(seed=self.who)] * episodes, {})


def test_a_recipe_is_collected_once():
    said, first, second = [], Collector(1), Collector(2)
    store = find_or_collect(RECIPE, first, said.append)
    assert len(said) == 2 and said[0].startswith("collecting 2 episodes of Pendulum-v1 into ")
    again = find_or_collect(RECIPE, second, said.append)
    assert (first.asked, second.asked, len(said)) == (1, 0, 2)
    assert store.folder == again.folder == RECIPE.folder and writer_of(again) == 1


@pytest.mark.parametrize(
    "change",
    [{"noise": "0"}, {"episodes": 3}, {"seed": 1}, {"expert": "other"}, {"env": "CartPole-v1"}],
)
def test_whatever_changes_the_episodes_changes_the_place(change):
    assert replace(RECIPE, **change).folder != RECIPE.folder


def test_places_outlast_the_process(monkeypatch, tmp_path):
    """Whoever has collected must not do so again after an update."""
    asked = []
    monkeypatch.setattr(recipes, "version", lambda name: asked.append(name) or "1.0")
    folder = tmp_path / "cache" / "lrs_lightning" / "demonstrations"
    assert Recipe("Pendulum-v1").folder == folder / "Pendulum-v1-2d47cd238042"
    game = Recipe("ALE/Breakout-v5", episodes=3, noise="0:0.4").folder
    assert game == folder / "ALE_Breakout-v5-fc7ee8990443"
    assert asked == ["gymnasium", "ale-py"]


def test_where_nothing_is_said_the_collector_of_this_package_is_asked(monkeypatch):
    asked = {}
    store = write_store(RECIPE.folder, TASK, [episode(seed=1)], {})
    (store.folder / "manifest.json").unlink()

    def collect(**recipe):
        asked.update(recipe)
        return write_store(recipe["out"], TASK, [episode(seed=3)], {})

    monkeypatch.setattr("lrs_lightning.data.collect.collect", collect)
    assert writer_of(find_or_collect(RECIPE, say=list)) == 3
    assert asked == {
        **{"out": RECIPE.folder, "env": "Pendulum-v1", "expert": "shipped"},
        **{"episodes": 2, "noise": "auto", "seed": 0},
    }


def test_what_is_said_of_a_collection(monkeypatch):
    said = []
    collected = find_or_collect(RECIPE, Collector(1), said.append)
    mean = sum(collected.manifest["returns"]) / 2
    assert said == [
        f"collecting 2 episodes of Pendulum-v1 into {RECIPE.folder}",
        f"collected: mean return {mean:.0f} under noise",
    ]


def test_an_expert_is_its_file_and_not_its_name(tmp_path):
    places = []
    for name, content in (("a", b"1"), ("b", b"1"), ("c", b"2")):
        (tmp_path / name).write_bytes(content)
        places.append(replace(RECIPE, expert=str(tmp_path / name)).folder)
    assert places[0] == places[1] != places[2]


def test_a_damaged_store_in_the_cache_is_collected_anew():
    store = find_or_collect(RECIPE, Collector(1), list)
    file = store.folder / "episodes.h5"
    file.write_bytes(file.read_bytes()[:-50])
    assert writer_of(find_or_collect(RECIPE, Collector(2), list)) == 2


def test_several_processes_at_a_cold_cache_collect_once():
    """Whoever comes first collects, the others wait and read the same."""
    barrier = FORK.Barrier(3)

    def come(who: int) -> tuple[int, list[int]]:
        found, asked = [], 0
        for number in range(20):
            collector = Collector(who, seconds=0.01)
            barrier.wait(30)
            store = find_or_collect(replace(RECIPE, seed=number), collector, list)
            found.append(writer_of(store))
            asked += collector.asked
        return asked, found

    results = together(*(lambda who=who: come(who) for who in (1, 2, 3)))
    asked, found = zip(*results, strict=True)
    assert sum(asked) == 20 and found[0] == found[1] == found[2]


def test_a_collector_that_was_killed_is_no_obstacle():
    barrier = FORK.Barrier(2)

    def die() -> None:
        def collect(**_):
            barrier.wait(30)
            time.sleep(60)

        find_or_collect(RECIPE, collect, list)

    child = FORK.Process(target=die)
    child.start()
    barrier.wait(30)  # it holds the lock
    child.kill()
    child.join()
    begin = time.monotonic()
    assert writer_of(find_or_collect(RECIPE, Collector(2), list)) == 2
    assert time.monotonic() - begin < 10
    assert writer_of(DemonstrationStore(RECIPE.folder)) == 2
