"""Statistics as `VecNormalize.save()` leaves them, in a pickle."""

from __future__ import annotations

import pickle

import numpy as np


class RunningMeanStd:
    def __init__(self, mean, var):
        self.mean, self.var, self.count = mean, var, 3.0


class VecNormalize:
    def __init__(self, **state):
        self.__dict__.update(state)


def saved(path, mean, var, protocol=4, **more):
    moments = RunningMeanStd(np.asarray(mean, np.float64), np.asarray(var, np.float64))
    state = {"norm_obs": True, "clip_obs": 10.0, "epsilon": 1e-8, "obs_rms": moments, **more}
    path.write_bytes(pickle.dumps(VecNormalize(**state), protocol=protocol))
    return path
