"""Edited physics: whether an edit can change anything, and what MuJoCo derives from it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

_STATES = 8  # random configurations that are looked at


def same_physics(one: Any, other: Any) -> bool:
    """Whether two physics are equal: MuJoCo models byte by byte, everything else by `==`."""
    if one is other:
        return True
    if isinstance(one, mujoco.MjModel) and isinstance(other, mujoco.MjModel):
        return np.array_equal(_bytes(one), _bytes(other))
    return bool(np.all(one == other))


def gravity_moves(base: mujoco.MjModel, edited: mujoco.MjModel) -> bool:
    """Whether two gravities accelerate any joint differently.

    In a plane they need not: no joint of a swimmer or of a level arm can fall.
    """
    rng = np.random.default_rng(0)
    for _ in range(_STATES):
        data = [mujoco.MjData(model) for model in (base, edited)]
        directions = rng.standard_normal(base.nv)
        for model, at in zip((base, edited), data, strict=True):
            mujoco.mj_integratePos(model, at.qpos, directions, 1.0)  # quaternions stay of length 1
            mujoco.mj_forward(model, at)
        if not np.array_equal(data[0].qacc_smooth, data[1].qacc_smooth):
            return True
    return False


def can_slide(model: mujoco.MjModel) -> bool:
    """Whether any two parts can touch with friction between them."""
    if model.opt.disableflags & mujoco.mjtDisableBit.mjDSBL_CONTACT:
        return False
    if model.nflex or (model.pair_dim > 1).any():  # what is soft touches whatever it meets
        return True
    first, second = np.triu_indices(model.ngeom, k=1)
    types, affinities = model.geom_contype, model.geom_conaffinity
    collide = (types[first] & affinities[second]) | (types[second] & affinities[first])
    dimensions = np.maximum(model.geom_condim[first], model.geom_condim[second])
    tested = _tested(model, model.geom_bodyid[first], model.geom_bodyid[second])
    return bool(((collide != 0) & (dimensions > 1) & tested).any())


@contextmanager
def derived_constants(model: mujoco.MjModel) -> Iterator[None]:
    """After an edit of masses or gears, compute anew what MuJoCo's compiler derives from them.

    `mj_setConst` does all of it but the statistics; of those the mean inertia matters, by which the
    solver scales its tolerance. A statistic that the model's author has set by hand stays.
    """
    before = _statistics(model)
    yield
    mujoco.mj_setConst(model, mujoco.MjData(model))
    for name, value in _statistics(model).items():
        if np.isclose(getattr(model.stat, name), before[name], rtol=1e-9, atol=0):
            setattr(model.stat, name, value)


def _statistics(model: mujoco.MjModel) -> dict[str, float]:
    data, inertia = mujoco.MjData(model), np.zeros((model.nv, model.nv))
    mujoco.mj_fwdPosition(model, data)
    mujoco.mj_fullM(model, data, inertia)
    bodies = model.body_mass[1:]  # without the world
    return {"meaninertia": float(inertia.diagonal().mean()), "meanmass": float(bodies.mean())}


def _tested(
    model: mujoco.MjModel, one: NDArray[np.int32], other: NDArray[np.int32]
) -> NDArray[np.bool_]:
    """Pairs of bodies that MuJoCo tests for contact: neither welded together, nor parent and child.

    The world is an exception among parents: its children stand on the floor.
    """
    signatures = [(one << 16) + other, (other << 16) + one]
    excluded = np.isin(signatures, model.exclude_signature).any(axis=0)
    one, other = model.body_weldid[one], model.body_weldid[other]
    parents = model.body_weldid[model.body_parentid]
    related = (one != 0) & (other != 0) & ((parents[one] == other) | (parents[other] == one))
    if model.opt.disableflags & mujoco.mjtDisableBit.mjDSBL_FILTERPARENT:
        related[:] = False
    tested: NDArray[np.bool_] = ~excluded & ~related & (one != other)
    return tested


def _bytes(model: mujoco.MjModel) -> NDArray[np.uint8]:
    content = np.empty(mujoco.mj_sizeModel(model), np.uint8)
    mujoco.mj_saveModel(model, None, content)
    return content
