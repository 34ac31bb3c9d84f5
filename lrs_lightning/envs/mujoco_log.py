"""MuJoCo's warnings go to Python's logging, not to stderr and a MUJOCO_LOG.TXT in the folder.

MuJoCo writes both by itself for every model it compiles. One warning is left out: the attribute
that it calls deprecated stands in Gymnasium's own model of HalfCheetah: no user can mend it.
"""

from __future__ import annotations

import logging

import mujoco

_NOT_OURS = "'settotalmass' is deprecated"
_logger = logging.getLogger(__name__)


def forward_warnings() -> None:
    """Install the handler; one that was installed before stays."""
    if mujoco.get_mju_user_warning() is None:
        mujoco.set_mju_user_warning(_forward)


def _forward(message: str) -> None:
    if _NOT_OURS not in message:
        _logger.warning("MuJoCo: %s", message)
