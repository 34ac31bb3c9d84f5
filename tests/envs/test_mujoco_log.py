import logging

import mujoco

from lrs_lightning.envs import registry
from lrs_lightning.envs.mujoco_log import forward_warnings


def test_building_a_task_leaves_no_log_behind(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    registry._build("HalfCheetah-v5").close()
    assert not list(tmp_path.iterdir())
    assert capfd.readouterr().err == ""


def test_other_warnings_reach_logging(caplog):
    forward_warnings()
    with caplog.at_level(logging.WARNING):
        mujoco.get_mju_user_warning()("the state is unstable")
    assert "MuJoCo: the state is unstable" in caplog.text
