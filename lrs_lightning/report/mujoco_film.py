"""Films of MuJoCo's tasks: an episode played again from its actions, drawn without a display.

OpenGL is taken from EGL or OSMesa, whichever is there (`MUJOCO_GL` chooses), so that a machine
without a screen or a GPU can film as well.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from lrs_lightning import envs
from lrs_lightning.errors import ANY_FAILURE, EnvironmentMismatchError
from lrs_lightning.rollout import Trajectory
from lrs_lightning.rollout.physics import Physics
from lrs_lightning.rollout.playing import completed
from lrs_lightning.shifts import Condition, ShiftContext, make

Frames = NDArray[np.uint8]
WIDTH, HEIGHT = 192, 144
CAMERA = "track"  # follows the body, in the tasks of Gymnasium that have one
_MODULES = {"egl": "mujoco.egl", "osmesa": "mujoco.osmesa"}
# Of MUJOCO_GL, as MuJoCo itself understands them.
_OFF = ("disable", "disabled", "off", "false", "0")


def drawn(
    env_id: str,
    condition: Condition | str,
    seed: int,
    trajectory: Trajectory,
    context: ShiftContext | None = None,
    most: int = 120,
) -> Frames:
    """Pictures `(F, 144, 192, 3)` of an episode, evenly spread over its steps.

    Args:
        env_id: a task of MuJoCo.
        condition: under which it was played, for its physics.
        seed: of the episode.
        trajectory: its actions, as they were executed.
        context: see `rollout`.
        most: pictures at most.

    Raises:
        EnvironmentMismatchError: nothing on this machine can draw.
    """
    info = envs.describe(env_id)
    world = make(condition, completed(context, info), 1)
    physics, rows = Physics([world]), {0: np.array([0])}
    every = max(1, -(-len(trajectory.actions) // most))
    env: Any = envs.make(env_id, 1, [world.model()], 1)
    frames = []
    try:
        env.reset(seed=[seed])
        with _camera(info.base_model) as picture:
            for time, action in enumerate(trajectory.actions):
                if time % every == 0:
                    frames.append(picture(_pose(env)))
                changed = physics.changes(rows, np.array([time]))
                if changed:
                    env.set_models(changed)
                env.step(action[None])
    finally:
        env.close()
    return np.array(frames)


def check_drawing() -> None:
    """Raise an `EnvironmentMismatchError` where nothing can be drawn."""
    _context().free()


def _pose(env: Any) -> NDArray[np.float64]:
    """Positions of all joints, in the threaded engine or in Gymnasium's own environment."""
    if hasattr(env, "pose"):
        pose: NDArray[np.float64] = env.pose(0)
        return pose
    return np.array(env.envs[0].unwrapped.data.qpos)


@contextmanager
def _camera(model: mujoco.MjModel) -> Iterator[Any]:
    """A function from positions to a picture `(144, 192, 3)`."""
    gl, model = _context(), copy.copy(model)
    # A floor ends where its author has drawn it, which a good runner passes: here it never does.
    model.geom_size[model.geom_type == mujoco.mjtGeom.mjGEOM_PLANE, :2] = 0
    try:
        resources = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, resources)
        scene, data = mujoco.MjvScene(model, maxgeom=1000), mujoco.MjData(model)
        camera, options = _chosen_camera(model), mujoco.MjvOption()
        frame = mujoco.MjrRect(0, 0, WIDTH, HEIGHT)
        pixels = np.empty((HEIGHT, WIDTH, 3), np.uint8)

        def picture(pose: NDArray[np.float64]) -> Frames:
            data.qpos[:] = pose
            mujoco.mj_forward(model, data)
            every = mujoco.mjtCatBit.mjCAT_ALL
            mujoco.mjv_updateScene(model, data, options, None, camera, every, scene)
            mujoco.mjr_render(frame, scene, resources)
            mujoco.mjr_readPixels(pixels, None, frame, resources)
            return pixels[::-1].copy()  # OpenGL begins at the bottom

        yield picture
        resources.free()
    finally:
        gl.free()


def _chosen_camera(model: mujoco.MjModel) -> mujoco.MjvCamera:
    camera = mujoco.MjvCamera()
    mujoco.mjv_defaultFreeCamera(model, camera)
    known = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_CAMERA, CAMERA)
    if known >= 0:
        camera.type, camera.fixedcamid = mujoco.mjtCamera.mjCAMERA_FIXED, known
    return camera


def _context() -> Any:
    """An OpenGL context that needs no screen, made current."""
    if os.environ.get("MUJOCO_GL", "").lower() in _OFF:
        raise EnvironmentMismatchError("no films: MUJOCO_GL switches drawing off")
    # Mesa brings an LLVM of its own, and a process that loads Triton's after it crashes; the other
    # way round both work.
    with suppress(ImportError):
        import_module("triton")
    wanted = os.environ.get("MUJOCO_GL", "")
    reasons = []
    for name in [wanted] if wanted in _MODULES else _MODULES:
        try:
            context = import_module(_MODULES[name]).GLContext(WIDTH, HEIGHT)
            context.make_current()
            return context
        except ANY_FAILURE as error:  # whatever a driver says
            reasons.append(f"{name}: {' '.join(str(error).split())[:120]}")
    raise EnvironmentMismatchError(
        "no films: nothing on this machine can draw without a display "
        f"({'; '.join(reasons)}); install EGL or OSMesa, and choose one by MUJOCO_GL"
    )
