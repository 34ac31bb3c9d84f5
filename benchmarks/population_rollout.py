"""The closed loop of P policies: one call a step for all of them, beside one call for each.

Policies of the default `fit` on HalfCheetah, untrained, over a plane of rank and sparsity, playing
some episodes each, side by side. Both sides play the same episodes to the last bit, which is
compared; they take turns. The simulator with the same actions and no policy stands beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from jsonargparse.typing import PositiveInt

from benchmarks._provenance import RESULTS, device_name, write_csv
from benchmarks._timing import interleave, ratio
from lrs_lightning.envs import describe, make
from lrs_lightning.nn import PolicyConfig, RecurrentPolicy, build_policy, cores
from lrs_lightning.options.call import call
from lrs_lightning.rollout import TorchPolicy, rollout

TASK = "HalfCheetah-v5"
PLANE = [(rank, sparsity) for rank in (1, 2, 4, 8, 16) for sparsity in (0.0, 0.2, 0.5, 0.8, 0.9)]
Outcomes = dict[tuple[str, int], str]


class Alone(TorchPolicy):
    """A policy that is asked by itself: only plain `TorchPolicy` objects are grouped."""


def policies(count: int) -> list[RecurrentPolicy]:
    """Points of the plane, again and again with other seeds."""
    info, made = describe(TASK), []
    for number in range(count):
        rank, sparsity = PLANE[number % len(PLANE)]
        core = cores.CfC(rank=rank, sparsity=sparsity, mask_seed=number)
        config = PolicyConfig(core=core, init_seed=number)
        made.append(build_policy(config, info.observation_space, info.action_space))
    return made


def play(members: Mapping[str, TorchPolicy], episodes: int) -> Outcomes:
    """Play all; what each episode came to."""
    found = rollout(members, TASK, ["clean"], range(episodes))
    return {(e.policy, e.episode): f"{e.return_} {e.outcome}" for e in found}


class Replay:
    """The simulator alone: the same episodes again, their actions known beforehand."""

    def __init__(self, members: Mapping[str, TorchPolicy], episodes: int) -> None:
        played = list(rollout(members, TASK, ["clean"], range(episodes), record=True))
        self._seeds = [episode.seed for episode in played]
        actions = [episode.trajectory.actions for episode in played if episode.trajectory]
        self._actions = np.stack(actions, axis=1)  # (T, N, A)
        self._env = make(TASK, len(played))

    def __call__(self) -> None:
        self._env.reset(seed=self._seeds)
        for actions in self._actions:
            self._env.step(actions)


def main(arguments: list[str]) -> None:
    """Run the section; see `--help`."""
    call(run, "python -m benchmarks population-rollout", arguments)


def run(
    *,
    members: PositiveInt = 25,
    episodes: PositiveInt = 20,
    rounds: PositiveInt = 5,
    smoke: bool = False,
) -> None:
    """Time the rollout of many policies, asked together and one by one.

    Writes `results/population_rollout.csv`: seconds of the whole rollout.

    Args:
        members: policies, P
        episodes: of each, a thousand steps long
        rounds: rollouts of each side
        smoke: two members, one episode, nothing stored
    """
    members, episodes, rounds = (2, 1, 1) if smoke else (members, episodes, rounds)
    torch.set_num_threads(1)
    made = policies(members)
    together = {str(k): TorchPolicy(policy) for k, policy in enumerate(made)}
    alone = {str(k): Alone(policy) for k, policy in enumerate(made)}
    if play(together, episodes) != play(alone, episodes):
        raise AssertionError("the two sides play other episodes")
    sides: dict[str, Callable[[], object]] = {
        "one call for each": lambda: play(alone, episodes),
        "one call for all": lambda: play(together, episodes),
        "the simulator alone": Replay(together, episodes),
    }
    times = interleave(sides, rounds=rounds, warmup=0)
    print(f"{device_name()}, torch {torch.__version__}, {members} members x {episodes} episodes")
    rows = [
        {
            "provider": name,
            "members": members,
            "episodes": episodes,
            "seconds_p10": round(found.p10, 3),
            "seconds_median": round(found.median, 3),
            "each_over_this": round(ratio(times["one call for each"], found), 2),
            "calls": found.calls,
        }
        for name, found in times.items()
    ]
    for row in rows:
        print("  ".join(f"{key} {value}" for key, value in row.items()))
    if not smoke:
        write_csv(RESULTS / "population_rollout.csv", rows)
