"""Zips of Stable-Baselines3 by their name on a hub, kept in the user's cache."""

from __future__ import annotations

import os
import re
import urllib.error
import urllib.request
from pathlib import Path

from lrs_kernels.cache import cache_folder
from lrs_lightning.errors import ArgumentError, DataError
from lrs_lightning.files import write_whole

# Where most of them are published; a mirror can stand in.
_ENDPOINT = "https://huggingface.co"
_TIMEOUT_S = 30
_LARGEST = 512 << 20


def is_hub_name(source: str) -> bool:
    """Whether it looks like `owner/algorithm-Environment`, and not like a path."""
    return re.fullmatch(r"[\w.-]+/[\w.-]+", source) is not None and not source.endswith(
        (".zip", ".safetensors")
    )


def download(name: str) -> Path:
    """Fetch `owner/name`'s file `name.zip` once, and return where it is.

    Raises:
        ArgumentError: no such repository, or no network.
        DataError: the file is larger than any policy, or the cache cannot be written.
    """
    owner, repository = name.split("/")
    path = cache_folder("lrs_lightning") / "experts" / owner / f"{repository}.zip"
    if path.is_file():
        return path
    endpoint = os.environ.get("HF_ENDPOINT", _ENDPOINT).rstrip("/")
    address = f"{endpoint}/{name}/resolve/main/{repository}.zip"
    if not address.startswith(("https://", "http://")):
        raise ArgumentError(f"HF_ENDPOINT is {endpoint!r}, expected an address with https://")
    try:
        with urllib.request.urlopen(address, timeout=_TIMEOUT_S) as answer:
            content = answer.read(_LARGEST + 1)
    except (urllib.error.URLError, OSError) as error:
        raise ArgumentError(
            f"{name} cannot be fetched from {endpoint} ({error}): check the name and the network, "
            "or give the path of a zip"
        ) from None
    if len(content) > _LARGEST:
        raise DataError(f"{address} is larger than {_LARGEST >> 20} MiB, which no policy is")
    return write_whole(path, content)
