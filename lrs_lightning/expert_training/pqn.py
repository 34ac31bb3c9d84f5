"""Train an Atari expert: parallelised Q-learning with lambda returns and layer norms.

Source: Gallici et al., "Simplifying deep temporal difference learning" (2024), algorithm 1: play T
decisions in N games at once with an epsilon-greedy policy, compute the lambda returns of that
rollout with the network as it is, fit them for a few epochs, throw the rollout away. Letters: T
decisions, N games, C stacked frames.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lrs_lightning.envs.atari_training import TrainingGames
from lrs_lightning.errors import NotFiniteError
from lrs_lightning.expert_training.pqn_config import PQNConfig
from lrs_lightning.expert_training.pqn_targets import lambda_returns
from lrs_lightning.experts.q_network import build_q_network


@dataclass
class Rollout:
    """T decisions of N games."""

    # Channels last, as the network wants them: interleaved once, not in every pass over them.
    frames: Tensor  # (T, N, 84, 84, C) uint8
    actions: Tensor  # (T, N) int64
    returns: Tensor  # (T, N) float32


class PQN:
    """The training's state and its one step: `iterate` plays a rollout and learns from it.

    A checkpoint is taken between two rollouts. The emulators cannot be saved, so taking one
    also starts the games anew (`restart_games`, seeded by the decisions made so far): a training
    that was interrupted and one that was not then see the same games and agree to the last bit.

    Args:
        config: the recipe.
        device: of the network.
    """

    def __init__(self, config: PQNConfig, device: str | torch.device = "cpu") -> None:
        self.config, self.device = config, torch.device(device)
        self.games = TrainingGames(
            config.env_id, config.num_envs, config.sticky, threads=config.threads
        )
        torch.manual_seed(config.seed)
        network = build_q_network(config.encoder, self.games.num_actions)
        self.network = network.to(self.device)
        self.optimizer = torch.optim.RAdam(
            self.network.parameters(), lr=config.learning_rate, foreach=True
        )
        self.generator = torch.Generator().manual_seed(config.seed)
        self.decisions = 0
        self.finished: list[float] = []  # unclipped returns of the episodes that ended, newest last
        self.restart_games()

    def restart_games(self) -> None:
        """Begin new episodes everywhere, seeded by the training's seed and its decisions so far."""
        seed = np.random.SeedSequence([self.config.seed, self.decisions]).generate_state(1)[0]
        self._observations = self.games.reset(int(seed) % 2**30)
        self._scores = np.zeros(self.config.num_envs)

    def iterate(self) -> dict[str, float]:
        """Play one rollout, learn from it, and say how it went."""
        start = time.perf_counter()
        rollout = self._play()
        played = time.perf_counter()
        metrics = self._learn(rollout)
        ended = time.perf_counter()
        return {
            **metrics,
            "epsilon": self.config.epsilon(self.decisions),
            "learning_rate": self.config.rate(self.decisions),
            "value_mean": float(rollout.returns.mean()),
            "seconds_play": played - start,
            "seconds_learn": ended - played,
        }

    def _play(self) -> Rollout:
        steps, num_envs = self.config.rollout_steps, self.config.num_envs
        _, stack, *size = self._observations.shape
        frames = torch.empty((steps, num_envs, *size, stack), dtype=torch.uint8)
        actions = torch.empty((steps, num_envs), dtype=torch.int64)
        rewards = torch.empty((steps, num_envs))
        ends = torch.empty((steps, num_envs), dtype=torch.bool)
        values = torch.empty((steps + 1, num_envs))  # max_a Q(s_t, a)
        for t in range(steps):
            frames[t] = self._seen()
            greedy, values[t] = self._greedy(frames[t])
            actions[t] = self._explore(greedy)
            reward, lost = self._step_games(actions[t].numpy())
            rewards[t], ends[t] = torch.from_numpy(reward).clamp(-1, 1), torch.from_numpy(lost)
        values[steps] = self._greedy(self._seen())[1]
        returns = lambda_returns(rewards, ends, values[1:], self.config.gamma, self.config.lam)
        return Rollout(frames, actions, returns)

    def _seen(self) -> Tensor:
        """What the games show now, `(N, 84, 84, C)`."""
        return torch.from_numpy(self._observations).movedim(1, -1)

    @torch.no_grad()
    def _greedy(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """The best actions `(N,)` and their values `(N,)`."""
        values, actions = self._values(frames).max(dim=1)
        return actions.cpu(), values.cpu()

    def _values(self, frames: Tensor) -> Tensor:
        """Action values `(N, A)` of frames `(N, 84, 84, C)`."""
        values: Tensor = self.network(frames.to(self.device).movedim(-1, 1))
        return values

    def _explore(self, greedy: Tensor) -> Tensor:
        """Replace a share epsilon of the actions by random ones."""
        number = len(greedy)
        explore = torch.rand(number, generator=self.generator) < self.config.epsilon(self.decisions)
        uniform = torch.randint(self.games.num_actions, (number,), generator=self.generator)
        return torch.where(explore, uniform, greedy)

    def _step_games(
        self, actions: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        self._observations, rewards, lost, over = self.games.step(actions)
        self._scores += rewards
        self.finished += self._scores[over].tolist()
        del self.finished[:-100]
        self._scores[over] = 0.0
        self.decisions += len(actions)
        return rewards.astype(np.float32), lost

    def _learn(self, rollout: Rollout) -> dict[str, float]:
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.rate(self.decisions)
        frames = rollout.frames.flatten(0, 1)  # (T N, 84, 84, C)
        actions, returns = rollout.actions.flatten(), rollout.returns.flatten()
        losses, norms = [], []
        for rows in self._minibatches():
            values = self._values(frames[rows])  # (minibatch, A)
            chosen = values.gather(1, actions[rows, None].to(self.device))[:, 0]
            loss = nn.functional.mse_loss(chosen, returns[rows].to(self.device))
            self.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.config.max_grad_norm)
            self._check_finite(loss, norm)
            self.optimizer.step()
            losses.append(loss.detach())
            norms.append(norm)
        return {
            "loss": float(torch.stack(losses).mean()),
            "grad_norm": float(torch.stack(norms).mean()),
        }

    def _check_finite(self, loss: Tensor, norm: Tensor) -> None:
        """Stop before what is not finite reaches a weight."""
        if not math.isfinite((loss.detach() + norm).item()):
            raise NotFiniteError(
                f"after {self.decisions:,} decisions the loss is {loss.item():g} and the norm of "
                f"the gradient {norm.item():g}: the training has diverged; the last checkpoint is "
                "kept, a lower learning_rate may help"
            )

    def _minibatches(self) -> Iterator[Tensor]:
        """Rows of the flattened rollout, each once per epoch, in random order."""
        for _ in range(self.config.epochs):
            order = torch.randperm(self.config.samples, generator=self.generator)
            yield from torch.split(order, self.config.minibatch)

    def state_dict(self) -> dict[str, Any]:
        """Everything a later process needs to go on; tensors and plain values only."""
        return {
            "config": asdict(self.config),
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
            "decisions": self.decisions,
            "finished": list(self.finished),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken; the games start anew."""
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"])
        self.decisions = state["decisions"]
        self.finished = list(state["finished"])
        self.restart_games()
