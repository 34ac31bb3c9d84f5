import logging

import mujoco
import numpy as np

from lrs_lightning.envs import gymnasium_domains, make
from lrs_lightning.envs.mujoco_log import forward_warnings


def test_building_a_task_leaves_no_log_behind(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    gymnasium_domains._build("HalfCheetah-v5", {}).close()
    assert not list(tmp_path.iterdir())
    assert capfd.readouterr().err == ""


def test_other_warnings_reach_logging(caplog):
    forward_warnings()
    with caplog.at_level(logging.WARNING):
        mujoco.get_mju_user_warning()("the state is unstable")
    assert "MuJoCo: the state is unstable" in caplog.text


def test_an_unstable_simulation_leaves_no_log_behind(tmp_path, monkeypatch, caplog, capfd):
    monkeypatch.chdir(tmp_path)
    env = make("HalfCheetah-v5", 1)
    env.reset(seed=0)
    env.step(np.zeros((1, 6), np.float32))
    env._readings["qvel"][0] = 1e12
    with caplog.at_level(logging.WARNING):
        env.step(np.zeros((1, 6), np.float32))
    env.close()
    assert "unstable" in caplog.text
    assert not list(tmp_path.iterdir())
    assert capfd.readouterr().err == ""


def test_somebody_elses_handler_stays():
    ours, heard = mujoco.get_mju_user_warning(), []
    mujoco.set_mju_user_warning(heard.append)
    try:
        make("HalfCheetah-v5", 1, ctrl_cost_weight=0.123)
        assert len(heard) == 1
        assert "deprecated" in heard[0]
    finally:
        mujoco.set_mju_user_warning(ours)
