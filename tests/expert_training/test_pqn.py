"""One rollout and the updates after it, against the algorithm written out, on games of a script."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

pytest.importorskip("ale_py")

from lrs_lightning.expert_training import pqn as module
from lrs_lightning.expert_training.pqn import PQN
from lrs_lightning.expert_training.pqn_config import PQNConfig
from lrs_lightning.expert_training.pqn_targets import lambda_returns

STEPS, GAMES, ACTIONS = 6, 2, 3


class ScriptedGames:
    """Frames, rewards, lost lives and ends that are fixed beforehand; actions are written down."""

    num_actions = ACTIONS
    # Rewards beyond one on either side; a life lost at step 1 of game 0, an episode over at step 3.
    rewards = np.array([[7, 0], [0, -3], [1, 0], [0, 250], [-1, 0], [0, 1]], np.int32)
    lost = np.array([[0, 0], [1, 0], [0, 0], [0, 1], [0, 0], [0, 0]], bool)
    over = np.array([[0, 0], [0, 0], [0, 0], [0, 1], [0, 0], [0, 0]], bool)

    def __init__(self, game: str, num_envs: int, sticky: float, threads: int) -> None:
        self.made = (game, num_envs, sticky, threads)
        self.seeds: list[int] = []
        self.seen: list[NDArray[np.uint8]] = []
        self.actions: list[NDArray[np.int64]] = []

    def _show(self) -> NDArray[np.uint8]:
        self.seen.append(self._rng.integers(0, 256, (GAMES, 4, 84, 84), np.uint8))
        return self.seen[-1]

    def reset(self, seed: int) -> NDArray[np.uint8]:
        self.seeds.append(seed)
        self._rng = np.random.default_rng(seed)
        return self._show()

    def step(self, actions: NDArray[np.int64]) -> tuple[NDArray[Any], ...]:
        t = len(self.actions) % STEPS
        self.actions.append(actions.copy())
        return self._show(), self.rewards[t], self.lost[t], self.over[t]

    def close(self) -> None:
        pass


@pytest.fixture
def train(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(module, "TrainingGames", ScriptedGames)

    def make(**changes: Any) -> PQN:
        recipe = {
            "num_envs": GAMES, "rollout_steps": STEPS, "minibatch": GAMES * STEPS, "epochs": 1,
            "decisions": 40, "epsilon_decisions": 40, "gamma": 0.9, "lam": 0.5,
            "learning_rate": 0.1, "max_grad_norm": 0.5,
        }  # fmt: skip
        return PQN(PQNConfig(**recipe | changes))

    return make


def update(
    network: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    config: PQNConfig,
    seen: list[Any],
    actions: list[Any],
    decisions: int,
) -> tuple[float, float, float]:
    """Algorithm 1 for a rollout of T + 1 frames and T actions: loss, norm, mean target."""
    with torch.no_grad():
        best = [network(torch.from_numpy(frames)).max(1).values for frames in seen[1:]]
    rewards = torch.from_numpy(ScriptedGames.rewards).float().clamp(-1, 1)
    lost = torch.from_numpy(ScriptedGames.lost)
    targets = lambda_returns(rewards, lost, torch.stack(best), config.gamma, config.lam)
    values = torch.stack([
        network(torch.from_numpy(frames)).gather(1, torch.from_numpy(a)[:, None])[:, 0]
        for frames, a in zip(seen[:-1], actions, strict=True)
    ])  # fmt: skip
    loss = ((values - targets) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    gradients = [p.grad for p in network.parameters()]
    norm = torch.sqrt(sum((g**2).sum() for g in gradients))
    for gradient in gradients:
        gradient.mul_(min(1.0, config.max_grad_norm / float(norm)))
    for group in optimizer.param_groups:
        group["lr"] = config.rate(decisions)
    optimizer.step()
    return float(loss.detach()), float(norm), float(targets.mean())


@pytest.mark.parametrize("max_grad_norm", [0.5, 1e9])
def test_it_is_the_algorithm_written_out(train: Any, max_grad_norm: float) -> None:
    training = train(max_grad_norm=max_grad_norm)
    games, config = training.games, training.config
    network = copy.deepcopy(training.network)
    optimizer = torch.optim.RAdam(network.parameters(), lr=123.0)
    for k in range(3):
        before = len(games.actions)
        metrics = training.iterate()
        decisions = GAMES * STEPS * (k + 1)
        assert training.decisions == decisions
        loss, norm, target = update(
            network, optimizer, config, games.seen[before:], games.actions[before:], decisions
        )
        assert norm > 0.5  # so that clipping has something to do
        told = (metrics["loss"], metrics["grad_norm"], metrics["value_mean"])
        assert told == pytest.approx((loss, norm, target), rel=1e-3)
        assert metrics["learning_rate"] == config.rate(decisions)
        assert metrics["epsilon"] == config.epsilon(decisions)
        for name, tensor in network.state_dict().items():
            torch.testing.assert_close(training.network.state_dict()[name], tensor, msg=name)


def test_every_sample_is_seen_once_in_each_epoch_in_another_order(train: Any) -> None:
    training = train(minibatch=4, epochs=3)
    rows = torch.stack(list(training._minibatches()))
    assert rows.shape == (9, 4)
    epochs = rows.reshape(3, -1)
    assert (epochs.sort(1).values == torch.arange(12)).all()
    assert not torch.equal(epochs[0], epochs[1])


def test_several_minibatches_are_several_updates(train: Any) -> None:
    training = train(minibatch=4, epochs=3)
    metrics = training.iterate()
    (state, *_) = training.optimizer.state.values()
    assert float(state["step"]) == 9
    assert np.isfinite([metrics["loss"], metrics["grad_norm"]]).all()


def test_without_exploration_the_best_action_is_taken(train: Any) -> None:
    training = train(epsilon_decisions=1, epsilon_last=0.0)
    network = copy.deepcopy(training.network)
    training.iterate()
    seen, actions = training.games.seen, training.games.actions
    for t in range(1, STEPS):  # the first decision is made before epsilon has fallen
        best = network(torch.from_numpy(seen[t])).argmax(1)
        np.testing.assert_array_equal(actions[t], best)


def test_a_share_epsilon_of_the_actions_is_random(train: Any) -> None:
    training = train(decisions=10**6, epsilon_decisions=10**6, epsilon_last=0.0)
    greedy = torch.full((20_000,), 2)
    for decisions, share in ((0, 1.0), (700_000, 0.3), (10**6, 0.0)):
        training.decisions = decisions
        chosen = training._explore(greedy)
        counts = torch.bincount(chosen, minlength=ACTIONS) / len(greedy)
        expected = torch.tensor([share / 3, share / 3, 1 - 2 * share / 3])
        torch.testing.assert_close(counts, expected, atol=0.015, rtol=0)


def test_scores_are_unclipped_sums_of_whole_episodes(train: Any) -> None:
    training = train()
    training.iterate()
    assert training.finished == [247.0]  # 0 - 3 + 0 + 250
    training.iterate()
    assert training.finished == [247.0, 248.0]  # 0 + 1 before, 0 - 3 + 0 + 250 after
    training.restart_games()  # what was played so far of an episode does not count
    training.iterate()
    assert training.finished == [247.0, 248.0, 247.0]


def test_only_the_last_hundred_scores_are_kept(train: Any) -> None:
    training = train()
    training.finished = [float(k) for k in range(100)]
    training.iterate()
    assert training.finished == [*range(1, 100), 247.0]


def test_games_are_those_of_the_recipe_and_begin_anew_by_seed_and_progress(train: Any) -> None:
    training = train(env_id="Breakout", sticky=0.25, threads=3, seed=5)
    assert training.games.made == ("Breakout", GAMES, 0.25, 3)
    training.iterate()
    training.restart_games()
    again, other = train(seed=5), train(seed=6)
    first, second = training.games.seeds
    assert again.games.seeds == [first] and other.games.seeds != [first] and first != second
    for name, tensor in again.network.state_dict().items():
        if name.endswith("convolutions.0.weight"):
            assert not torch.equal(other.network.state_dict()[name], tensor)


def test_a_state_holds_all_that_decides_what_follows(train: Any) -> None:
    whole = train(minibatch=4)
    whole.iterate()
    state = copy.deepcopy(whole.state_dict())
    whole.restart_games()
    resumed = train(minibatch=4)
    resumed.load_state_dict(state)
    assert (resumed.decisions, resumed.finished) == (whole.decisions, whole.finished)
    for training in (whole, resumed):
        training.iterate()
    np.testing.assert_array_equal(whole.games.actions[STEPS:], resumed.games.actions)
    for name, tensor in whole.network.state_dict().items():
        torch.testing.assert_close(resumed.network.state_dict()[name], tensor, rtol=0, atol=0)
    assert resumed.finished == whole.finished and resumed.finished is not state["finished"]
