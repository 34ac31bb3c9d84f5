"""Configurations that come with the package, by name: `--config halfcheetah-dense`.

In a checkout they stand in `conf/`, which the wheel holds as `lrs_lightning/conf/`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from lrs_lightning.errors import UnknownNameError

_PACKAGE = Path(__file__).resolve().parents[1]
_LIKE_A_NAME = re.compile(r"\w[\w./-]{0,200}")
"""What may be one of ours; YAML itself may stand there as well."""
_FOLDERS = (_PACKAGE / "conf", _PACKAGE.parent / "conf")


def shipped_configurations() -> dict[str, Path]:
    """Files by the name that `--config` takes: the path below `conf/`, without `.yaml`."""
    folder = next(filter(Path.is_dir, _FOLDERS), _FOLDERS[0])
    files = sorted(folder.rglob("*.yaml"))
    return {file.relative_to(folder).with_suffix("").as_posix(): file for file in files}


def with_paths(words: Sequence[str]) -> list[str]:
    """The command line with a path wherever `--config` has the name of a shipped configuration.

    A file of the user's goes first, and a path of the checkout (`conf/seaquest.yaml`) is found away
    from it too.

    Args:
        words: the command line after the verb.

    Raises:
        UnknownNameError: a name that is neither a file nor shipped.
    """
    found = list(words)
    for place, word in enumerate(words):
        if word == "--config" and place + 1 < len(words):
            found[place + 1] = _path_of(words[place + 1])
        elif word.startswith("--config="):
            found[place] = f"--config={_path_of(word.partition('=')[2])}"
    return found


def _path_of(word: str) -> str:
    path = Path(word)
    if not _LIKE_A_NAME.fullmatch(word) or path.exists():
        return word
    shipped = shipped_configurations()
    name = path.with_suffix("") if path.suffix in (".yaml", ".yml") else path
    if name.parts[:1] == ("conf",):
        name = name.relative_to("conf")
    if name.as_posix() in shipped:
        return str(shipped[name.as_posix()])
    # A file would have an ending, and may lie in any folder.
    if not path.suffix and (word == path.name or get_close_matches(word, shipped, cutoff=0.8)):
        raise UnknownNameError("configuration", word, shipped)
    return word  # the parser says that there is no such file
