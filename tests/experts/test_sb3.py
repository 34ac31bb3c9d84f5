"""Zips of Stable-Baselines3: known returns, every algorithm against a plain network, no code."""

from __future__ import annotations

import io
import os
import pickle
import zipfile

import numpy as np
import pytest
import torch
from torch import nn

from lrs_lightning.errors import DataError, EnvironmentMismatchError
from lrs_lightning.experts import PixelExpert, load_expert
from lrs_lightning.rollout import rollout
from tests.experts.zips import DQN, PPO, QRDQN, SAC, TD3, TQC, mlp, named, nature, save_zip

ENV = "HalfCheetah-v5"  # 17 channels, 6 actions


@pytest.mark.shared
@pytest.mark.parametrize(
    ("task", "known"), [("HalfCheetah", 9300), ("Hopper", 1100), ("Walker2d", 3900)]
)
def test_published_policies_reach_their_known_returns(shared_data, task, known):
    env = f"{task}-v5"
    expert = load_expert(shared_data / "experts" / f"sac-{task}-v3.zip", env)
    played = rollout({"expert": expert}, env, ["clean"], [0, 1, 2])
    returns = [episode.return_ for episode in played]
    assert expert.card["algorithm"] == "SAC"
    assert np.mean(returns) == pytest.approx(known, rel=0.1), returns


@pytest.mark.parametrize(("algorithm", "policy"), [("SAC", SAC), ("TQC", TQC)])
def test_sac_and_tqc(tmp_path, algorithm, policy):
    latent, mean = mlp(17, 8, 8), nn.Linear(8, 6)
    latent = nn.Sequential(*latent, nn.ReLU())
    state = named("actor.latent_pi", latent) | named("actor.mu", mean)
    state |= named("actor.log_std", nn.Linear(8, 6)) | named("critic.qf0", mlp(23, 8, 1))
    path = save_zip(tmp_path / "a.zip", state, policy)
    expert = load_expert(path, ENV)
    x = torch.randn(5, 17)
    torch.testing.assert_close(torch.from_numpy(expert.step(x.numpy())[0]), mean(latent(x)).tanh())
    assert expert.card["algorithm"] == algorithm


def test_td3(tmp_path):
    actor = mlp(17, 8, 7, 6)
    expert = load_expert(save_zip(tmp_path / "a.zip", named("actor.mu", actor)), ENV)
    x = torch.randn(5, 17)
    torch.testing.assert_close(torch.from_numpy(expert.step(x.numpy())[0]), actor(x).tanh())


@pytest.mark.parametrize(
    ("algorithm", "words"),
    [("PPO", {"clip_range": 0.2}), ("A2C", {}), ("TRPO", {"cg_max_steps": 15})],
)
@pytest.mark.parametrize("act", [nn.Tanh, nn.ReLU])
def test_ppo_and_its_kin(tmp_path, algorithm, words, act):
    hidden, head = nn.Sequential(*mlp(17, 8, 8, act=act), act()), nn.Linear(8, 6)
    state = named("mlp_extractor.policy_net", hidden) | named("action_net", head)
    state |= {"log_std": torch.zeros(6)} | named("value_net", nn.Linear(8, 1))
    head.weight.data *= 10
    kwargs = {"activation_fn": f"<class 'torch.nn.modules.activation.{act.__name__}'>"}
    words = words | ({"policy_kwargs": kwargs} if act is nn.ReLU else {})
    expert = load_expert(save_zip(tmp_path / "a.zip", state, PPO, **words), ENV)
    x = 3 * torch.randn(5, 17)
    expected = head(hidden(x)).clamp(-1, 1)
    assert (expected.abs() == 1).any()  # some are clipped
    torch.testing.assert_close(torch.from_numpy(expert.step(x.numpy())[0]), expected)
    assert expert.card["algorithm"] == algorithm


def test_dqn_and_qrdqn_on_vectors(tmp_path):
    # CartPole: 4 channels, 2 actions; 5 quantiles
    x = torch.randn(64, 4)
    values = mlp(4, 16, 2)
    dqn = load_expert(
        save_zip(tmp_path / "a.zip", named("q_net.q_net", values), DQN), "CartPole-v1"
    )
    np.testing.assert_array_equal(dqn.step(x.numpy())[0], values(x).argmax(1))
    quantiles = mlp(4, 16, 10)
    state = named("quantile_net.quantile_net", quantiles)
    qrdqn = load_expert(save_zip(tmp_path / "b.zip", state, QRDQN), "CartPole-v1")
    expected = quantiles(x).view(-1, 5, 2).mean(1).argmax(1)
    np.testing.assert_array_equal(qrdqn.step(x.numpy())[0], expected)
    assert (dqn.card["algorithm"], qrdqn.card["algorithm"]) == ("DQN", "QR-DQN")


@pytest.mark.parametrize(
    ("policy", "net", "output", "outputs"),
    [
        (DQN, "q_net.features_extractor", "q_net.q_net.0", 4),
        (QRDQN, "quantile_net.features_extractor", "quantile_net.quantile_net.0", 20),
        (PPO, "features_extractor", "action_net", 4),
    ],
)
def test_nature_networks_on_pixels(tmp_path, policy, net, output, outputs):
    pytest.importorskip("ale_py")
    cnn, dense = nature(), nn.Sequential(nn.Linear(3136, 512), nn.ReLU())
    head = nn.Linear(512, outputs)
    state = named(f"{net}.cnn", cnn) | named(f"{net}.linear", dense) | named(output, head)
    expert = load_expert(save_zip(tmp_path / "a.zip", state, policy), "Breakout")
    assert isinstance(expert, PixelExpert)
    frames = torch.randint(0, 256, (16, 4, 84, 84), dtype=torch.uint8)
    expected = head(dense(cnn(frames.float() / 255)))
    if outputs == 20:
        expected = expected.view(16, 5, 4).mean(1)
    np.testing.assert_array_equal(expert.step(frames.numpy())[0], expected.argmax(1))


class Malice:
    """Unpickling this makes a folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("how", ["torch", "pickle", "legacy"])
def test_a_malicious_pickle_is_never_run(tmp_path, how):
    trace, path, policy = tmp_path / "ran", tmp_path / "a.zip", io.BytesIO()
    evil = {"actor.mu.0.weight": Malice(trace)}
    if how == "pickle":
        policy.write(pickle.dumps(evil))
    else:
        torch.save(evil, policy, _use_new_zipfile_serialization=how == "torch")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("policy.pth", policy.getvalue())
        archive.writestr("data", pickle.dumps(Malice(trace)))
        archive.writestr("vec_normalize.pkl", pickle.dumps(Malice(trace)))
    with pytest.raises(DataError, match="policy.pth holds more than tensors, and was not run"):
        load_expert(path, ENV)
    assert not trace.exists()


def test_names_in_a_zip_lead_nowhere(tmp_path):
    path = save_zip(tmp_path / "a.zip", named("actor.mu", mlp(17, 8, 6)))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../outside", b"x")
    load_expert(path, ENV)
    assert {p.name for p in tmp_path.iterdir()} == {"a.zip"}


def test_a_zip_bomb_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr("lrs_lightning.experts.sb3._LARGEST", 1 << 20)
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("policy.pth", bytes(8 << 20))
        archive.writestr("data", "{}")
    with pytest.raises(DataError, match="policy.pth claims 8 MiB, more than any policy has"):
        load_expert(path, ENV)


def actor():
    return named("actor.mu", mlp(17, 8, 6))


def words(**kwargs):
    return {"policy_kwargs": kwargs}


@pytest.mark.parametrize(
    ("state", "policy", "more", "message"),
    [
        ({"w": torch.zeros(3)}, PPO, {}, "lacks action_net.weight or action_net.bias"),
        ([torch.zeros(3)], PPO, {}, "holds no tensors by name"),
        ({"actor.mu.0.weight": torch.zeros(6, 17)}, TD3, {}, "lacks .* or actor.mu.0.bias"),
        (actor() | {"actor.norm.weight": torch.ones(8)}, TD3, {}, "not read here: actor.norm"),
        (actor() | {"extra": torch.ones(8)}, TD3, {}, "has tensors that are not read here: extra"),
        (named("actor.mu", nn.Sequential(nn.Identity(), nn.Linear(17, 6))), TD3, {}, r"at \[1\]"),
        (actor(), "mine.Policy", {}, "the policy's class is mine.Policy"),
        (actor(), TD3, words(new_option=3), "policy_kwargs has new_option, whose effect"),
        (actor(), TD3, words(activation_fn="<class 'mine.Act'>"), "is no activation of torch"),
        (actor(), TD3, words(features_extractor_class="<class 'm.E'>"), "of its author's own"),
        (actor(), TD3, words(features_extractor_kwargs={"a": 1}), "only features_dim is read"),
        (actor(), TD3, {"policy_kwargs": "x"}, "expected a dictionary"),
        (actor(), TD3, {"policy_class": {}}, "its policy_class is not readable"),
        (actor(), SAC, words(clip_mean="x"), "clip_mean is 'x', expected a number"),
    ],
)
def test_what_is_not_proved_is_refused(tmp_path, state, policy, more, message):
    with pytest.raises(DataError, match=message):
        load_expert(save_zip(tmp_path / "a.zip", state, policy, **more), ENV)


def test_a_second_extractor_must_be_the_first(tmp_path):
    state = named("features_extractor.cnn", nature()) | named("action_net", nn.Linear(512, 4))
    state |= named("features_extractor.linear", nn.Sequential(nn.Linear(3136, 512)))
    other = named("pi_features_extractor.cnn", nature())
    with pytest.raises(DataError, match="pi_features_extractor.* differs from features_extractor"):
        load_expert(save_zip(tmp_path / "a.zip", state | other, PPO), "Breakout")


@pytest.mark.parametrize("content", [b"", b"PK\3\4 damaged", b"text"])
def test_what_is_no_zip_is_told(tmp_path, content):
    path = tmp_path / "a.zip"
    path.write_bytes(content)
    with pytest.raises(DataError, match="is no zip of Stable-Baselines3"):
        load_expert(path, ENV)


def test_a_zip_without_a_policy_is_told(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("readme", "nothing")
    with pytest.raises(DataError, match="no zip of Stable-Baselines3 with data and policy.pth"):
        load_expert(tmp_path / "a.zip", ENV)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [((11, 8, 6), "reads 11 channels and HalfCheetah-v5 has 17"), ((17, 8, 3), "has 3 actions")],
)
def test_other_spaces_are_told(tmp_path, sizes, message):
    path = save_zip(tmp_path / "a.zip", named("actor.mu", mlp(*sizes)))
    with pytest.raises(EnvironmentMismatchError, match=message):
        load_expert(path, ENV)


def test_an_expert_of_vectors_plays_no_game(tmp_path):
    pytest.importorskip("ale_py")
    path = save_zip(tmp_path / "a.zip", named("actor.mu", mlp(17, 8, 6)))
    with pytest.raises(EnvironmentMismatchError, match="reads a vector and ALE/Breakout-v5 shows"):
        load_expert(path, "Breakout")
