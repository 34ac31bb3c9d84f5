"""Experts from Stable-Baselines3 zips, without Stable-Baselines3 and without running a pickle.

Only two members are read: `policy.pth`, as bare tensors, and `data`, as JSON. Of the pickled parts
in there one is looked into, for the name of the policy's class, and nothing that it names is run.
"""

from __future__ import annotations

import io
import pickle
import warnings
import zipfile
from pathlib import Path

import torch
from torch import Tensor

from lrs_lightning.errors import DataError
from lrs_lightning.experts.sb3_options import Options, read_options

# The largest policy of a Nature network has seven million numbers; nothing useful is larger.
_LARGEST = 512 << 20


def read_zip(path: Path) -> tuple[dict[str, Tensor], Options]:
    """The tensors of the policy, and what else decides its action.

    Raises:
        DataError: no zip of Stable-Baselines3, a damaged one, one whose tensors hold code, or
            one with an option that is not known.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            weights = _member(archive, "policy.pth")
            data = _member(archive, "data")
    except (zipfile.BadZipFile, KeyError, OSError, NotImplementedError, RuntimeError) as error:
        raise DataError(
            f"{path} is no zip of Stable-Baselines3 with data and policy.pth ({error}): give what "
            "model.save() wrote; those of sbx have no tensors and are not read"
        ) from None
    except ValueError as error:
        raise DataError(f"{path}: {error}") from None
    tensors = _tensors(weights, path)
    try:
        return tensors, read_options(data)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


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
