"""A hub on this machine stands in for the one on the network."""

from __future__ import annotations

import base64
import io
import json
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest
import torch

from lrs_lightning.errors import ArgumentError
from lrs_lightning.experts import load_expert
from lrs_lightning.experts.hub import is_hub_name

ENV = "HalfCheetah-v5"


def td3_zip() -> bytes:
    policy, file = io.BytesIO(), io.BytesIO()
    torch.save({"actor.mu.0.weight": torch.ones(6, 17), "actor.mu.0.bias": torch.ones(6)}, policy)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("policy.pth", policy.getvalue())
        named = base64.b64encode(b"cstable_baselines3.td3.policies\nTD3Policy\n.").decode()
        data = {"policy_class": {":serialized:": named}, "policy_kwargs": {}}
        archive.writestr("data", json.dumps(data))
    return file.getvalue()


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """The paths that were asked of the hub, which has one file."""
    paths = []

    class Hub(BaseHTTPRequestHandler):
        def do_GET(self):
            paths.append(self.path)
            found = self.path == "/sb3/td3-HalfCheetah-v3/resolve/main/td3-HalfCheetah-v3.zip"
            self.send_response(200 if found else 404)
            self.end_headers()
            if found:
                self.wfile.write(td3_zip())

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    yield paths
    server.shutdown()
    server.server_close()


def test_an_expert_is_fetched_once(asked, tmp_path):
    for _ in range(2):
        expert = load_expert("sb3/td3-HalfCheetah-v3", ENV)
        np.testing.assert_allclose(expert.step(np.zeros((1, 17)))[0], np.tanh(1.0), rtol=1e-6)
    assert len(asked) == 1
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["td3-HalfCheetah-v3.zip"]


def test_a_name_that_is_not_there_is_told(asked, tmp_path):
    with pytest.raises(ArgumentError, match="sb3/nothing cannot be fetched .*404.*check the name"):
        load_expert("sb3/nothing", ENV)
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]


@pytest.mark.parametrize("endpoint", ["file:///etc", "ftp://somewhere"])
def test_only_the_web_is_asked(monkeypatch, tmp_path, endpoint):
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(ArgumentError, match="expected an address with https"):
        load_expert("sb3/td3-HalfCheetah-v3", ENV)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("sb3/dqn-SeaquestNoFrameskip-v4", True),
        ("a/b/c", False),
        ("mine.zip", False),
        ("runs/mine.safetensors", False),
        ("/tmp/x", False),
        ("../x/y", False),
    ],
)
def test_what_looks_like_a_name_of_a_hub(source, expected):
    assert is_hub_name(source) is expected
