"""A manifest of somebody else's is of its declared shape and agrees with itself."""

from __future__ import annotations

import json

import numpy as np
import pytest

from lrs_lightning.data import DemonstrationStore, Task, write_store
from lrs_lightning.documents import read_json, write_json
from lrs_lightning.errors import DataError
from tests.data.toys import episode
from tests.reliability.hostile_store import store_of


def changed(**entries):
    return lambda manifest: {**manifest, **entries}


def task(**entries):
    return lambda manifest: {**manifest, "task": {**manifest["task"], **entries}}


def part(**entries):
    return lambda manifest: {**manifest, "parts": [{**manifest["parts"][0], **entries}]}


MANIFESTS = [
    (changed(episodes="x"), r"Expected int, got str - at \$.episodes"),
    (changed(episodes=3), "3 episodes and 2 lengths"),
    (changed(episodes=-1), "Expected int >= 1"),
    (changed(lengths=[10, "x"]), r"\$.lengths"),
    (changed(lengths=[10]), "2 episodes and 1 lengths"),
    (changed(lengths=[10, 10**30]), "lengths"),
    (changed(returns=None), r"\$.returns"),
    (changed(returns=[1.0, {}]), r"\$.returns"),
    (changed(steps=7), "7 steps, and the lengths add up to 20"),
    (changed(origins=[{}, {"held_out": 3}]), "held_out"),
    (changed(origins=[{}, {"seed": "x"}]), "seed"),
    (changed(parts=[]), r"\$.parts"),
    (changed(parts={}), r"\$.parts"),
    (part(episodes=7), "the parts have others"),
    (part(file="../../secret.h5"), r"\$.parts\[0\].file|regex"),
    (part(file="/etc/passwd"), "regex"),
    (part(sha256=3), "sha256"),
    (lambda m: {**m, "parts": m["parts"] * 2, "episodes": 4}, "4 episodes and 2 lengths"),
    (changed(task=[]), r"\$.task"),
    (task(env="helper:X-v0"), "names a module to import"),
    (task(env=""), "is no name of an environment"),
    (task(env=3), r"\$.env"),
    (task(observation_shape=[0]), "observation_shape is"),
    (task(observation_shape=[1 << 20, 1 << 20]), "more than any task shows"),
    (task(observation_shape="x"), "observation_shape"),
    (task(observation_dtype="complex64"), "observation_dtype is 'complex64'"),
    (task(actions=0), "there are 0 actions"),
    (task(actions=1.5), r"\$.actions"),
    (task(action_low=[-1.0]), "no lower and upper bound of each"),
    (task(action_low=[3.0, 3.0]), "an action has no values"),
    (task(action_stort=3), "action_stort is unknown"),
    (changed(endings=[{}, {"success": "x"}]), "success"),
    (changed(endings={}), r"\$.endings"),
    (changed(digests=[None, "x"]), "digests"),
    (changed(schema=4), "not a manifest of schema 3"),
    (changed(schema={}), "not a manifest of schema 3"),
    (changed(schema=2, lengths=3), r"\$.lengths"),
]


@pytest.mark.parametrize(("change", "sentence"), MANIFESTS)
def test_a_manifest_is_of_its_shape_and_does_not_contradict_itself(tmp_path, change, sentence):
    folder = store_of(tmp_path / "s")
    write_json(
        folder / "manifest.json", change(read_json(folder / "manifest.json", dict, "write it"))
    )
    with pytest.raises(DataError, match=rf"manifest\.json.*(?:{sentence})") as refused:
        DemonstrationStore(folder)
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 600


SCHEMA_1 = [
    ({"validation": [-1]}, "Expected int >= 0"),
    ({"validation": [99]}, "contradicts itself"),
    ({"validation": "x"}, "validation"),
    ({"seeds": [1]}, "contradicts itself"),
    ({"noise": [0.0, "x"]}, "noise"),
    ({"episodes": "x"}, "episodes"),
    ({"sha256": 3}, "sha256"),
    ({"expert": {}}, "expert"),
    ({"episodes": 10**7}, "episodes"),
]


@pytest.mark.parametrize(("entries", "sentence"), [({}, None), *SCHEMA_1])
def test_the_first_schema_is_checked_as_well(tmp_path, entries, sentence):
    folder = store_of(tmp_path / "s")
    manifest = json.loads((folder / "manifest.json").read_text())
    old = {k: manifest[k] for k in ("task", "episodes", "lengths", "returns", "steps")}
    old |= {"schema": 1, "sha256": manifest["parts"][0]["sha256"], "seeds": [4, 5]}
    (folder / "manifest.json").write_text(json.dumps({**old, "validation": [1], **entries}))
    if sentence is None:
        store = DemonstrationStore(folder)
        assert [o.held_out for o in store.origins] == [False, True] and store.origins[1].seed == 5
        return
    with pytest.raises(DataError, match=rf"manifest\.json.*{sentence}"):
        DemonstrationStore(folder)


@pytest.mark.parametrize(
    "content",
    [b"[" * 100_000, b'{"schema": 2, "a": ' + b"[" * 900 + b"]" * 900 + b"}", b"\xff\xfe", b"3"],
)
def test_other_bytes_are_no_manifest(tmp_path, content):
    folder = store_of(tmp_path / "s")
    (folder / "manifest.json").write_bytes(content)
    with pytest.raises(DataError, match=r"manifest\.json.*: collect the demonstrations anew"):
        DemonstrationStore(folder)


def test_bounds_that_are_infinite_are_kept(tmp_path):
    free = Task("Toy-v2", (3,), "float32", action_low=(-np.inf, -1), action_high=(np.inf, 2))
    write_store(tmp_path / "s", free, [episode()], {})
    assert DemonstrationStore(tmp_path / "s").task == free
