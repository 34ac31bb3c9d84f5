"""`python -m lrs_lightning VERB ...`: find the verb's file, run it, and turn errors into sentences.

Nothing heavy is imported before the verb is known, so that `--help` answers at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module

from lrs_lightning import __version__
from lrs_lightning.commands import PROGRAM, VERBS
from lrs_lightning.errors import LrsError
from lrs_lightning.files import cannot_write, is_full_or_read_only
from lrs_lightning.options.menu import HELP, menu, unknown
from lrs_lightning.options.shipped import with_paths
from lrs_lightning.stopping import SIGNALS, Interrupted


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit code.

    0 says that all is done, 2 that a sentence says what is wrong, 3 that a part failed and the rest
    went on (episodes of `evaluate`, members of a population), 130 and 143 that SIGINT (Ctrl-C) and
    SIGTERM asked for the end.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if not words or words[0] in HELP:
            print(usage())
            return 0
        if words[0] == "--version":
            print(f"lrs_lightning {__version__}")
            return 0
        _let_threads_sleep()
        with SIGNALS.listening():
            return _run(words[0], words[1:])
    except LrsError as error:
        notes = getattr(error, "__notes__", ())  # such as what was saved all the same
        print("; ".join([f"error: {error}", *notes]), file=sys.stderr)
        return 2
    except Interrupted as stop:
        print(stop, file=sys.stderr)
        return stop.code
    except SystemExit as end:  # of foreign code: nothing of ours ends in this way
        reason = "" if end.code is None else end.code
        print(f"error: exit({reason}) was called before the work was done", file=sys.stderr)
        return 2
    except OSError as error:
        if not is_full_or_read_only(error):
            raise
        where = error.filename or "standard output or a temporary file"
        print(f"error: {cannot_write(where, error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:  # raised by a handler that is not ours
        print("interrupted", file=sys.stderr)
        return 130


def _let_threads_sleep() -> None:
    """Have OpenMP's threads sleep while they wait, unless the user has decided.

    By default they spin, which costs a machine that others use ten times the processor time of the
    work itself. OpenMP reads this once, when PyTorch loads it, so nothing of PyTorch may be
    imported before.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def usage() -> str:
    """The page that `--help` prints."""
    return menu(
        f"{PROGRAM} VERB [options]",
        "Low-rank sparse recurrent policies: learn from demonstrations, hold up when the world "
        "shifts.",
        "verbs",
        {verb: text for verb, (_, text) in VERBS.items()},
        "`VERB --help` explains one, --version tells the version. `fit` without options runs the "
        "main job: HalfCheetah-v5.",
    )


def _run(verb: str, arguments: list[str]) -> int:
    if verb not in VERBS:
        raise unknown("verb", verb, VERBS, (*HELP, "--version"))
    module = import_module(f"lrs_lightning.commands.{VERBS[verb][0]}")
    return int(module.main(verb, with_paths(arguments)))
