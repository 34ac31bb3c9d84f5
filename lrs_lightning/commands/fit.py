"""`fit`, `validate`, `test`, `predict`: hand over to Lightning, without its chatter."""

from __future__ import annotations

import logging
import os
import sys
import warnings

_HELP = """\
usage: python -m lrs_lightning {verb} [--config FILE] [--key=value ...]

{about}

The keys that matter most (all of them: --help=all; as a file: --print_config):
  --config FILE                  YAML, e.g. conf/halfcheetah.yaml; later keys win
  --model.policy.core            CfC, LSTM, GRU, RNN, MLP, Stack          (CfC)
  --model.policy.core.rank       r, or null for dense                     (8)
  --model.policy.core.sparsity   share of zeros of the mask, in [0, 1)    (0.5)
  --model.policy.core.control    a stand-in: Dense, Pruned, Truncated ... (none)
  --model.policy.core.help NAME  all options of a core; so for encoders: --model.policy.encoder.help
  --model.policy.encoder         Vector; Small, Nature, Ncps, Impala      (Vector)
  --model.policy.encoder.channels  channels of the observation it sees    (all)
  --model.lr                     peak learning rate                       (0.003)
  --data.env                     task                        (that of the store, or HalfCheetah-v5)
  --data.path                    a store of your own (see `collect`)      (collected on first use)
  --data.noise                   noise schedule of the demonstrations     (0:0.4)
  --evaluation.suite             smoke, paper, full, or a YAML file       (paper)
  --evaluation.episodes          episodes of each condition               (20)
  --trainer.max_steps            updates                                  (4000)
  --seed_everything              seed of weights and training             (0)
  --ckpt_path                    a checkpoint or run folder to go on from or to test; `last` and
                                 `best` are those of the newest run of the task
  --checkpoint.every             longest time between two saves           (60s)
  --guard.action                 stop or skip, for numbers not finite     (stop)
"""

_ABOUT = {
    "fit": "Train on demonstrations (collected on first use), then test in closed loop.",
    "validate": "Loss on the held-out episodes, and the closed-loop return in the clean world.",
    "test": "Loss on the held-out episodes, and the closed-loop return under the whole suite.",
    "predict": "Actions for the windows of the held-out episodes.",
}


def main(verb: str, arguments: list[str]) -> int:
    """Run one of Lightning's verbs; see `--help`."""
    if arguments and arguments[0] in ("-h", "--help"):
        print(_HELP.format(verb=verb, about=_ABOUT[verb]))
        return 0
    words = ["--help" if word == "--help=all" else word for word in arguments]
    _quieten()
    # Networks of this size gain little from a second thread, and lose a hundredfold where another
    # program keeps a core busy: OpenMP's threads spin while they wait. Set it to choose otherwise.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

    from lightning.pytorch.utilities.exceptions import SIGTERMException

    from lrs_lightning.errors import DataError, LrsError
    from lrs_lightning.training.trainer_cli import TrainerCLI

    try:
        TrainerCLI([verb, *words])
    except LrsError:
        raise
    except SIGTERMException:  # Lightning's own, which carries no code: a run of several processes
        return 143
    except SystemExit as end:
        return int(end.code or 0)
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        raise DataError(
            f"cannot write{where} ({error.strerror or error}): the last whole checkpoint is kept"
        ) from error
    return 0


def _quieten() -> None:
    """Leave out what Lightning and its friends say on every run and nobody can act on."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    for name in ("lightning.pytorch.utilities.rank_zero", "lightning.fabric.utilities.rank_zero"):
        logging.getLogger(name).addFilter(_no_tips)
    for message in (
        ".*does not have many workers.*",
        ".*treespec.*",
        ".*lr_scheduler.step.*",
        ".*args parameter.*",
        ".*dirpath has changed.*",
        ".*your dataloader is not resumable.*",  # it is: which batch comes follows from its number
    ):
        warnings.filterwarnings("ignore", message=message)
    if not sys.warnoptions:
        warnings.filterwarnings("ignore", category=FutureWarning)
        warnings.filterwarnings("ignore", category=DeprecationWarning)


def _no_tips(record: logging.LogRecord) -> bool:
    text = record.getMessage()
    noise = (
        "💡",
        "Tip:",
        "litlogger",
        "litmodels",
        "GPU available",
        "TPU available",
        "HPU available",
    )
    return not any(word in text for word in noise)
