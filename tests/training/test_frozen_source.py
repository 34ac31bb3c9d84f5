"""Whose encoder is taken: what fits, to the last bit; what does not is told in a sentence."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from lrs_lightning.data import Task
from lrs_lightning.errors import ArgumentError, DataError, EnvironmentMismatchError
from lrs_lightning.nn import PolicyConfig, build_policy, encoders
from lrs_lightning.nn.encoders import digest_of
from lrs_lightning.training import load_policy
from lrs_lightning.training.frozen_source import (
    check_source,
    fill_in_section,
    filled_in,
    forget_other_run,
    take_weights,
)
from tests.training.frozen import TASK, write_run


def taken(run, task=TASK, **options):
    config = filled_in(PolicyConfig(encoders.Frozen(str(run), **options)))
    policy = build_policy(config, task.observation_space, task.action_space)
    take_weights(policy, task)
    return policy


def test_the_encoder_of_a_run_is_taken_with_its_options_and_hash(tmp_path):
    run = write_run(tmp_path / "run")
    source = load_policy(run).policy.encoder
    for word in (run, run / "checkpoints" / "last.ckpt"):
        policy = taken(word)
        assert digest_of(policy.encoder) == digest_of(source) == policy.config.encoder.sha256
        assert policy.config.encoder.network == {"name": "small", "features": 7, "channels": [3]}
        assert policy.config.encoder.task == TASK.env and policy.encoder.frozen


def test_of_a_frozen_encoder_the_same_can_be_taken_again(tmp_path):
    first = filled_in(PolicyConfig(encoders.Frozen(str(write_run(tmp_path / "run"))))).encoder
    second = write_run(tmp_path / "second", encoder=first, weights=taken(tmp_path / "run"))
    again = filled_in(PolicyConfig(encoders.Frozen(str(second)))).encoder
    assert (again.sha256, again.network) == (first.sha256, first.network)


def refused(run, error, match, task=TASK, **options):
    with pytest.raises(error, match=match):
        taken(run, task, **options)


def of_nobody(encoder):
    config = PolicyConfig(replace(encoder, run=None))
    return build_policy(config, TASK.observation_space, TASK.action_space)


def test_sources_that_do_not_fit_are_told(tmp_path):
    several = write_run(tmp_path / "several", encoder=encoders.Small(features=7))
    refused(several, ArgumentError, r"sees the frames \[0, 1, 2, 3\] of 4.*channels=\[3\]")
    oldest = write_run(tmp_path / "oldest", encoder=encoders.Small(features=7, channels=[0]))
    refused(oldest, ArgumentError, r"sees the frames \[0\] of 4")
    vectors = Task("Toy-v1", (3,), "float32", actions=4)
    of_vectors = write_run(tmp_path / "vectors", encoder=encoders.Vector(), task=vectors)
    refused(of_vectors, ArgumentError, "is of vectors")
    refused(tmp_path / "nowhere", ArgumentError, "no checkpoint at")
    with pytest.raises(ArgumentError, match="needs a run that trained it"):
        check_source(filled_in(PolicyConfig(encoders.Frozen())))
    known = taken(write_run(tmp_path / "known")).config.encoder
    with pytest.raises(ArgumentError, match="needs a run that trained it"):
        take_weights(of_nobody(known), TASK)
    run = write_run(tmp_path / "run")
    refused(run, EnvironmentMismatchError, "was trained on Pictures-v0", replace(TASK, env="B-v0"))
    broken = run / "checkpoints" / "last.ckpt"
    broken.write_bytes(broken.read_bytes()[:-100])
    refused(run, DataError, "is damaged")


def test_the_same_game_played_in_another_way_is_the_same_task(tmp_path):
    run = write_run(tmp_path / "run", task=replace(TASK, env="Pictures-v0(sticky=0.25)"))
    assert taken(run).encoder.frozen
    taller = replace(TASK, observation_shape=(4, 40, 36))
    refused(run, EnvironmentMismatchError, r"\(4, 36, 36\)", taller)


def test_a_run_that_was_trained_anew_is_noticed(tmp_path):
    run = write_run(tmp_path / "run")
    config = filled_in(PolicyConfig(encoders.Frozen(str(run))))
    policy = build_policy(config, TASK.observation_space, TASK.action_space)
    write_run(run, seed=1)
    with pytest.raises(ArgumentError, match="was trained anew since"):
        take_weights(policy, TASK)
    refused(run, ArgumentError, "000000000000... is asked for", sha256=64 * "0")


def test_of_another_run_nothing_is_known_yet(tmp_path):
    encoder = filled_in(PolicyConfig(encoders.Frozen(str(write_run(tmp_path / "run"))))).encoder
    before = encoder.to_dict()
    now = dict(before)
    forget_other_run(now, before)
    assert now == before
    now["run"] = "another"
    forget_other_run(now, before)
    assert now["run"] == "another" and now["sha256"] is now["network"] is now["task"] is None


def test_a_section_of_a_configuration_is_filled_in(tmp_path):
    run = str(write_run(tmp_path / "run"))
    section = {"encoder": {"class_path": "lrs.Frozen", "init_args": {"run": run, "sha256": None}}}
    fill_in_section(section)
    assert section["encoder"]["init_args"]["sha256"] == digest_of(load_policy(run).policy.encoder)
    section = {"encoder": {"class_path": "lrs.Frozen", "init_args": {"run": None}}}
    with pytest.raises(ArgumentError, match="needs a run that trained it"):
        fill_in_section(section)
    fill_in_section(section, of_members=True)
    assert section["encoder"]["init_args"]["network"] is None
    other = {"encoder": {"class_path": "lrs.Small", "init_args": {"features": 3}}}
    fill_in_section(other)
    assert other["encoder"]["init_args"] == {"features": 3}


def test_a_policy_is_whole_without_its_source(tmp_path):
    """What a checkpoint holds is enough: the run that the encoder is from may be gone."""
    policy = taken(write_run(tmp_path / "run"))
    config, state = policy.config, policy.state_dict()
    other = build_policy(config, TASK.observation_space, TASK.action_space)
    other.load_state_dict(state)
    seen = torch.randint(0, 256, (2, 3, 4, 36, 36), dtype=torch.uint8)
    assert torch.equal(other.unroll(seen)[0], policy.unroll(seen)[0])
