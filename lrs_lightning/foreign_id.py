"""Environment ids that a file brings along: names, and nothing that has a module imported."""

from __future__ import annotations

from lrs_lightning.errors import DataError

NO_ENV = "none"
"""The task of data of a robot that nobody has a simulator of."""
_LONGEST = 256


def check_foreign_id(env_id: str, where: str) -> str:
    """An id from a checkpoint, a store, a card or a results file, if it only names a task.

    Gymnasium imports the module before the colon of `module:Name-v0`. On the command line that is
    the user's own wish; out of a file it would be somebody else's.

    Args:
        env_id: the id.
        where: what the sentence begins with.

    Raises:
        DataError: it names a module, is empty, or longer than any name.
    """
    if ":" in env_id:
        raise DataError(
            f"{where}: the task {env_id[:_LONGEST]!r} names a module to import, which no file may: "
            "import it in your own code, and name the task alone"
        )
    if not env_id or len(env_id) > _LONGEST or not env_id.isprintable():
        raise DataError(f"{where}: the task {env_id[:40]!r} is no name of an environment")
    return env_id
