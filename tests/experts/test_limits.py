"""Files of strangers are read up to a size that no policy has, and not a byte further."""

from __future__ import annotations

import io
import zipfile
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lrs_lightning.errors import DataError
from lrs_lightning.experts import hub, sb3, sb3_statistics

LARGEST = 512 << 20


class Content:
    """Bytes that are not there, `size` of them, read no further than asked for."""

    def __init__(self, size: int) -> None:
        self.size = size

    def read(self, count: int) -> Content:
        return Content(min(self.size, count))

    def __len__(self) -> int:
        return self.size


@pytest.fixture
def downloaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Fetch an expert of some size; what was asked for is kept."""
    asked: list[Any] = []

    def fetch(size: int) -> Any:
        def urlopen(address: str, timeout: float) -> Any:
            asked.append((address, timeout))
            return nullcontext(Content(size))

        monkeypatch.setattr(hub.urllib.request, "urlopen", urlopen)
        return hub.download("sb3/sac-Ant-v3")

    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(hub, "write_whole", lambda path, content: (path, len(content)))
    return SimpleNamespace(fetch=fetch, asked=asked)


def test_a_download_has_an_end(downloaded: Any, tmp_path: Path) -> None:
    path, size = downloaded.fetch(LARGEST)
    assert path == tmp_path / "lrs_lightning" / "experts" / "sb3" / "sac-Ant-v3.zip"
    assert size == LARGEST
    with pytest.raises(DataError, match=r"sac-Ant-v3\.zip is larger than 512 MiB, which no policy"):
        downloaded.fetch(LARGEST + 1)
    where = "https://huggingface.co/sb3/sac-Ant-v3/resolve/main/sac-Ant-v3.zip"
    assert downloaded.asked == 2 * [(where, 30)]


def archive(claims: int, holds: int) -> Any:
    return SimpleNamespace(
        getinfo=lambda name: SimpleNamespace(file_size=claims),
        open=lambda name: nullcontext(Content(holds)),
    )


def test_a_member_of_a_zip_has_an_end() -> None:
    assert len(sb3._member(archive(LARGEST, LARGEST), "data")) == LARGEST
    with pytest.raises(ValueError, match="data claims 512 MiB, more than any policy has"):
        sb3._member(archive(LARGEST + 1, 0), "data")
    with pytest.raises(ValueError, match="data is larger than it claims"):
        sb3._member(archive(10, LARGEST + 1), "data")


def test_statistics_have_an_end(tmp_path: Path) -> None:
    path = tmp_path / "vecnormalize.pkl"
    for size, sentence in ((16 << 20, "holds no statistics"), ((16 << 20) + 1, "has 16 MiB, more")):
        with path.open("wb") as file:
            file.truncate(size)
        with pytest.raises(DataError, match=sentence):
            sb3_statistics.read_statistics(path)


@pytest.mark.parametrize(
    "fault", [zipfile.BadZipFile, KeyError, OSError, NotImplementedError, RuntimeError]
)
def test_whatever_a_zip_raises_is_a_sentence(
    fault: type[Exception], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def raising(*arguments: Any) -> None:
        raise fault("of the zip")

    with zipfile.ZipFile(tmp_path / "a.zip", "w"):
        pass
    monkeypatch.setattr(sb3, "_member", raising)
    with pytest.raises(DataError, match=r"a\.zip is no zip of Stable-Baselines3 .*of the zip"):
        sb3.read_zip(tmp_path / "a.zip")


def test_tensors_are_loaded_without_code_whatever_the_environment_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`torch.load` of its own accord obeys this variable, which lets pickles run."""
    import torch

    class Malice:
        def __reduce__(self) -> Any:
            return Path.mkdir, (tmp_path / "ran",)

    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    file = io.BytesIO()
    torch.save({"actor.mu.0.weight": Malice()}, file)
    with pytest.raises(DataError, match="holds more than tensors, and was not run"):
        sb3._tensors(file.getvalue(), Path("a.zip"))
    assert not (tmp_path / "ran").exists()
