"""What is used of sbx and stable-baselines3, small: a learner whose draws are NumPy's."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

_MEMORY = {"observations": 17, "next_observations": 17, "actions": 6}


def actor(outputs: int = 6) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    sizes = [(17, 8), (8, 8), (8, outputs), (8, outputs)]
    return {
        f"Dense_{i}": {"kernel": rng.standard_normal(s), "bias": rng.standard_normal(s[1])}
        for i, s in enumerate(sizes)
    }


class Memory:
    """A circular memory, as ReplayBuffer is."""

    def __init__(self, size: int, n_envs: int) -> None:
        self.buffer_size, self.n_envs, self.pos, self.full = size // n_envs, n_envs, 0, False
        shape = (self.buffer_size, n_envs)
        for name, width in _MEMORY.items():
            setattr(self, name, np.full((*shape, width), np.nan))
        for name in ("rewards", "dones", "timeouts"):
            setattr(self, name, np.full(shape, np.nan, np.float32))

    def add(self, value: float) -> None:
        for name in (*_MEMORY, "rewards", "dones", "timeouts"):
            getattr(self, name)[self.pos] = value
        self.pos += 1
        if self.pos == self.buffer_size:
            self.pos, self.full = 0, True


class FakeSAC:
    """Learns from its memory and from random numbers; both decide each later weight."""

    def __init__(self, policy: str, envs: Any, **options: Any) -> None:
        self.made = (policy, envs, options)
        self.num_timesteps, self._n_updates, self._episode_num = 0, 0, 0
        self._last_obs: Any = None
        self.ep_info_buffer: Any = None
        self.policy = SimpleNamespace(
            actor_state=ActorState(),
            qf_state={"a": np.zeros(3, np.float32)},
            key=np.array([0, 7], np.uint32),
            noise_key=np.array([0, 2**32 - 1], np.uint32),
        )
        self.ent_coef_state = {"log": np.float32(0.0), "count": 0}
        self.n_envs = 8
        self.replay_buffer = Memory(options["buffer_size"], self.n_envs)
        self.set_random_seed(options["seed"])

    def set_random_seed(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def learn(self, steps: int, **options: Any) -> None:
        assert options["reset_num_timesteps"] is False and self._last_obs is None
        self._last_obs = "mid-episode"
        self.ep_info_buffer = [{"r": 1.0}, {"r": 2.0}] if steps > 100 else []
        for _ in range(-(-steps // self.n_envs)):
            self.replay_buffer.add(self._rng.normal())
            self.num_timesteps += self.n_envs
        remembered = self.replay_buffer.rewards
        drawn = np.nansum(remembered) + self._rng.normal() + float(self.policy.noise_key[1] % 97)
        for layer in self.policy.actor_state.params.values():
            layer["kernel"] = 0.9 * layer["kernel"] + 1e-3 * drawn
        self.policy.qf_state = {"a": self.policy.qf_state["a"] + np.float32(drawn)}
        self.ent_coef_state = {"log": np.float32(drawn), "count": self.ent_coef_state["count"] + 1}
        self.policy.noise_key = self._rng.integers(0, 2**32, 2, np.uint32)
        self._n_updates += 16
        self._episode_num += 3


class ActorState(SimpleNamespace):
    """Parameters under a name, as in a TrainState."""

    def __init__(self) -> None:
        super().__init__(params=actor())


def _flat(tree: Any) -> list[Any]:
    if isinstance(tree, SimpleNamespace):
        tree = vars(tree)
    if isinstance(tree, dict):
        return [leaf for key in sorted(tree) for leaf in _flat(tree[key])]
    if isinstance(tree, tuple):
        return [leaf for each in tree for leaf in _flat(each)]
    return [tree]


def _rebuilt(tree: Any, leaves: list[Any]) -> Any:
    if isinstance(tree, ActorState):
        own = ActorState()
        own.params = _rebuilt(tree.params, leaves)
        return own
    if isinstance(tree, dict):
        return {key: _rebuilt(tree[key], leaves) for key in sorted(tree)}
    if isinstance(tree, tuple):
        return tuple(_rebuilt(each, leaves) for each in tree)
    return leaves.pop(0)


jax = SimpleNamespace(
    tree_util=SimpleNamespace(
        tree_leaves=_flat,
        tree_flatten=lambda tree: (_flat(tree), tree),
        tree_unflatten=lambda tree, leaves: _rebuilt(tree, list(leaves)),
    )
)
