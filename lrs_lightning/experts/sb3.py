"""Experts from Stable-Baselines3 zips, without Stable-Baselines3 and without running a pickle.

Only two members are read: `policy.pth`, as bare tensors, and `data`, as JSON (its pickled parts are
base64 texts in there and stay texts).
"""

from __future__ import annotations

import io
import json
import pickle
import re
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lrs_lightning.errors import DataError

# The largest policy of a Nature network has seven million numbers; nothing useful is larger.
_LARGEST = 512 << 20


def read_zip(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors of the policy, and what the zip says of itself: algorithm, activation, versions.

    Raises:
        DataError: no zip of Stable-Baselines3, a damaged one, or one whose tensors hold code.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            weights = _member(archive, "policy.pth")
            about = _about(_member(archive, "data").decode("utf-8", "replace"))
    except (zipfile.BadZipFile, KeyError, OSError, NotImplementedError, RuntimeError) as error:
        raise DataError(
            f"{path} is no zip of Stable-Baselines3 with data and policy.pth ({error}): give what "
            "model.save() wrote"
        ) from None
    except ValueError as error:
        raise DataError(f"{path}: {error}") from None
    return _tensors(weights, path), about


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    size = archive.getinfo(name).file_size
    if size > _LARGEST:
        raise ValueError(f"{name} claims {size >> 20} MiB, more than any policy has")
    with archive.open(name) as file:
        content = file.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise ValueError(f"{name} is larger than it claims")
    return content


def _tensors(content: bytes, path: Path) -> dict[str, Tensor]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about how old the file is: it is read or refused
            state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise DataError(
            f"{path}: policy.pth holds more than tensors, and was not run: get the file from "
            "somebody you trust"
        ) from None
    except Exception as error:
        raise DataError(f"{path}: policy.pth is damaged ({type(error).__name__})") from None
    if not isinstance(state, dict) or not all(isinstance(t, Tensor) for t in state.values()):
        raise DataError(f"{path}: policy.pth holds no tensors by name")
    return state


def _about(data: str) -> dict[str, Any]:
    try:
        values = json.loads(data)
        module = str(values["policy_class"]["__module__"])
    except (ValueError, KeyError, TypeError):
        return {"module": "", "activation": ""}
    activation = re.search(r"activation\.(\w+)", str(values.get("policy_kwargs", "")))
    return {"module": module, "activation": activation[1].lower() if activation else ""}
