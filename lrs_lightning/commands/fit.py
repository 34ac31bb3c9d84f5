"""`fit`, `validate`, `test`, `predict`: hand over to Lightning, without its chatter."""

from __future__ import annotations

import logging
import os
import re
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path

from jsonargparse import set_parsing_settings

from lrs_lightning.options.menu import HELP
from lrs_lightning.options.peek import pairs, value_of

_PAGE = re.compile(r"--(?:.*\.)?(?:help|print_config)(?:=.*)?")
"""Words after which the parser prints a page and exits."""
STOPPED = 3  # exit code where members of a population stopped and the others went on
_JOINS = "Joins the run that it judges, with its demonstrations unless others are named."
_ABOUT = {
    "fit": "Train on demonstrations (collected on first use), then test in closed loop.",
    "validate": "Loss on the held-out episodes, and the closed-loop return in the clean world.\n"
    + _JOINS,
    "test": "Loss on the held-out episodes, and the closed-loop return under the whole suite.\n"
    + _JOINS,
    "predict": "Actions for the windows of the held-out episodes, as predictions.npz.\n" + _JOINS,
}
_LEFT_OUT = {
    "validate": ("policy", "training"),
    "test": ("policy", "training"),
    "predict": ("policy", "training", "evaluation"),
}


def main(verb: str, arguments: list[str]) -> int:
    """Run one of Lightning's verbs; see `--help`."""
    if any(word in HELP for word in arguments):
        print(page(verb), end="")
        return 0
    words = ["--help" if word == "--help=all" else word for word in arguments]
    asks = any(map(_PAGE.fullmatch, words))
    if verb != "fit" and not asks:
        words = _judging(verb, words)
    if "--help" in words:
        # The meaning of a dataclass's fields stands below them; to read it takes time.
        set_parsing_settings(docstring_parse_attribute_docstrings=True)
    quieten()
    return _run(verb, words, asks)


def _run(verb: str, words: list[str], asks: bool) -> int:
    """Hand over; `asks` where only a page is wanted."""
    # Networks of this size gain little from a second thread, and lose a hundredfold where another
    # program keeps a core busy: OpenMP's threads spin while they wait. Set it to choose otherwise.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

    from lightning.pytorch.utilities.exceptions import SIGTERMException

    from lrs_lightning.errors import DataError, LrsError
    from lrs_lightning.files import cannot_write
    from lrs_lightning.training.trainer_cli import TrainerCLI

    try:
        stopped = TrainerCLI([verb, *words]).stopped
    except LrsError:
        raise
    except SIGTERMException:  # Lightning's own, which carries no code: a run of several processes
        return 143
    except SystemExit as end:
        if end.code in (None, 0) and asks:
            return 0
        raise  # of foreign code, in the middle of the work
    except FileNotFoundError as error:
        raise DataError(f"cannot read {error.filename or error}") from error
    except OSError as error:
        if error.filename:
            raise cannot_write(error.filename, error) from error
        raise DataError(f"cannot read or write ({error.strerror or error})") from error
    return _tell_of_stopped(stopped)


def page(verb: str) -> str:
    """The short help, without keys that a checkpoint decides or that the verb never asks for."""
    file = Path(__file__).with_name("fit_page.txt").read_text(encoding="utf-8")
    parts = file.format(verb=verb, about=_ABOUT[verb]).split("\n\n")
    return "\n\n".join(p for p in parts if p.partition(":")[0] not in _LEFT_OUT.get(verb, ()))


def _judging(verb: str, words: list[str]) -> list[str]:
    """The command line with the data of the run that is judged.

    Raises:
        ArgumentError: it names none; said before anything heavy is imported.
    """
    from lrs_lightning.training.judged_run import data_words, needs_a_policy

    in_files = any(option.endswith("config") for option, _ in pairs(words))
    if not in_files and value_of("ckpt_path", words) is None:
        raise needs_a_policy(verb)
    return [*data_words(words), *words]


def _tell_of_stopped(members: Mapping[str, str]) -> int:
    """A sentence for each member of a population that did not get to the end; the exit code."""
    for name, why in members.items():
        told = f"error: member {name} stopped at {why}; its last good weights are kept"
        print(told, file=sys.stderr)
    return STOPPED if members else 0


def quieten() -> None:
    """Leave out what the libraries print on every run and what needs no action."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    modules = ("pytorch.utilities.rank_zero", "fabric.utilities.rank_zero", "fabric.utilities.seed")
    for name in (f"lightning.{module}" for module in modules):
        logging.getLogger(name).addFilter(_no_tips)
    for message in (
        ".*does not have many workers.*",
        ".*treespec.*",
        ".*lr_scheduler.step.*",
        ".*args parameter.*",
        ".*dirpath has changed.*",
        ".*in eval mode at the start of training.*",  # a frozen encoder is meant to be
        ".*sync_dist=True.*",  # metrics are summed over processes before they are logged
        ".*your dataloader is not resumable.*",  # it is: which batch comes follows from its number
    ):
        warnings.filterwarnings("ignore", message=message)
    if not sys.warnoptions:
        warnings.filterwarnings("ignore", category=FutureWarning)
        warnings.filterwarnings("ignore", category=DeprecationWarning)


def _no_tips(record: logging.LogRecord) -> bool:
    text = record.getMessage()
    noise = (
        "Seed set to",  # config.yaml has it
        "Restoring states from",
        "`Trainer.fit` stopped",
        "💡",
        "Tip:",
        "litlogger",
        "litmodels",
        "GPU available",
        "TPU available",
        "HPU available",
    )
    return not any(word in text for word in noise)
