"""MuJoCo without its stopwatch.

Each step reads the clock of the system dozens of times, for `MjData.timer`, which nobody here looks
at. MuJoCo reads no clock where its C function `mjcb_time` is
null, as it is outside of Python.
"""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress

import mujoco


def stop_timers() -> None:
    """Let MuJoCo read no clock in this process any more, and leave its `MjData.timer` at zero.

    A clock that somebody has set stays, and `mujoco.set_mjcb_time(None)` brings MuJoCo's own back.
    Nothing happens where the library cannot be found.
    """
    if mujoco.get_mjcb_time() is not None:
        return
    # It is loaded already, and must not be loaded twice.
    name, mode = f"libmujoco.so.{mujoco.mj_versionString()}", getattr(os, "RTLD_NOLOAD", None)
    if mode is None:
        return
    with suppress(OSError, ValueError):
        ctypes.c_void_p.in_dll(ctypes.CDLL(name, mode), "mjcb_time").value = None
