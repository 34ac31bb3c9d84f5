"""What the documents name exists: paths, modules, names, verbs, options, command lines."""

from __future__ import annotations

import argparse
import builtins
import importlib.util
import pkgutil
import re
import warnings
from functools import cache

import pytest
from jsonargparse import capture_parser

from benchmarks.__main__ import SECTIONS
from benchmarks.__main__ import main as benchmarks
from lrs_lightning.cli import VERBS, main
from lrs_lightning.options.shipped import with_paths
from tests.reading import (
    DOCUMENTS,
    ROOT,
    Command,
    Word,
    commands,
    defined,
    tracked,
    vocabulary,
    words,
    words_of,
)

# What a run, an expert's training or a store writes: it is nowhere in the repository.
WRITTEN = {
    *("config.yaml", "results.jsonl", "summary.json", "report.html", "manifest.json"),
    *("analysis.csv", "analysis.parquet", "RUN/analysis", "recurrent/..."),
    "runs/HalfCheetah-v5/version_0",
    "site/",
    *(
        "episodes.h5",
        "checkpoints/",
        *("demonstrations/", "pareto.csv", "study.db", "films/"),
        *("members/", "members/NAME/", "maps/", "logs/", "features/", "members.csv", "cells.csv"),
        "predictions.npz",
        "references.jsonl",
        "offline.json",
        "policy.npz",
        "replay/",
        "lrs_policy.py",
        "export/",
        "tools/faults/results.md",
    ),
}
# Words that are no names of ours, each with the reason why it may stand in backticks.
OTHERS = {
    "ENV.json": "ENV stands for a task",
    "ENV.safetensors": "ENV stands for a task",
    "~/.cache/lrs_kernels": "a folder of the user's",
    "module:name": "stands for a user's own code",
    "torch.nn.RNN/GRU/LSTM": "three names in one",
    "ALE/...": "stands for all games",
    "ALE/...-v5": "stands for all games",
    "ALE/Seaquest-v5": "a game, not a path",
    "sqrt((1 - s) E(r/H))": "a formula",
    "sqrt((1 - s) r / H)": "a formula",
    "E(q) = q": "a formula",
    "owner/algorithm-Environment": "stands for a name on the hub",
    "LRSLeaky(5, 16, rank=4, sparsity=0.5)": "the page's example of a user's own layer",
    "lrs_lightning.importers": "a group of entry points, not a module",
    "lrs_lightning.domains": "a group of entry points, not a module",
    "Discrete(3, start=2)": "Gymnasium's",
    "tanks": "the page's example of a user's own domain",
    "functional_call": "of torch.func",
    "hessian": "of torch.func",
    "max_time": "of Lightning's trainer",
    "--trainer.logger.version": "of Lightning's logger",
    "train/skipped_updates": "a curve in TensorBoard, not a path",
    "closed_loop/shifted/...": "curves in TensorBoard, not a path",
    "throughput/": "curves in TensorBoard, not a path",
    "--model.policy.": "the beginning of many keys",
    "--again": "of tools.faults",
    "--number": "of tools.faults",
    "--require-hashes": "pip's",
    "--no-deps": "pip's",
    "--no-build-isolation": "pip's",
    "W_rec(r, s) = W1 W2 ⊙ M(s)": "a formula",
    "sparsity_level": "of ncps, in the table of names",
    "sparsity_mask": "of ncps, in the table of names",
    "ff2": "of ncps, in the table of names",
    "backbone_dropout": "of ncps, in the table of names",
    "ts": "of ncps, in the table of names",
    "proj_size": "of torch's LSTM, which ours does not have",
    "tanh.approx": "an instruction of the GPU",
    "tl.zeros": "Triton's",
    "exp2": "a function of arithmetic",
    "SyncVectorEnv": "Gymnasium's",
    "MjData": "MuJoCo's",
}
PATH = re.compile(
    r"~?[\w.-]*(?:/[\w.-]*)+|[\w-][\w.-]*\.(?:py|md|ya?ml|csv|c|h|jsonl?|toml|txt|html|h5|npz)"
)
CALL = re.compile(r"([A-Za-z_][\w.]*)\(.*\)")
NAME = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
SETTING = re.compile(r"([A-Za-z_]\w*)\s?=\s?\S+")
IMPORTABLE = {"lrs_lightning", "lrs_kernels", "torch", "gymnasium", "ncps"}
ROOMS = {module.name for module in pkgutil.iter_modules([str(ROOT / "lrs_lightning")])}


def reason_to_doubt(word: Word) -> str | None:
    """Why a word is not true; None where it is, or where it is no name at all."""
    text = word.text
    if text in OTHERS or text in WRITTEN:
        return None
    if PATH.fullmatch(text):
        found = any(path == text or path.endswith(f"/{text}") for path in tracked())
        return None if found else "no such path"
    if call := CALL.fullmatch(text):
        return None if _is_defined(call[1]) else "no such function"
    if setting := SETTING.fullmatch(text):
        return None if setting[1] in vocabulary() else "no such name"
    if NAME.fullmatch(text):
        return None if _is_known(text) else "no such name"
    if text.split()[0] in VERBS or text.startswith("--"):
        asked = [w.partition("=")[0] for w in text.split() if w.startswith("--")]
        strange = [word for word in asked if word not in options() and not _of_a_choice(word)]
        return f"no such option: {strange[0]}" if strange else None
    return None


def _of_a_choice(option: str) -> bool:
    """An option of a core or an encoder, which the parser knows once one is chosen."""
    choice = re.fullmatch(r"--model\.policy\.(?:core|encoder)\.(\w+)", option)
    return choice is not None and choice[1] in defined()


def _is_known(name: str) -> bool:
    """A name that can be imported, or that our sources speak of."""
    first, _, rest = name.partition(".")
    if rest and (first in IMPORTABLE or first in ROOMS):
        return _resolves(name)
    last = name.rpartition(".")[2]
    return bool({last, last.removesuffix("_l0")} & vocabulary())  # of the first layer


def _is_defined(name: str) -> bool:
    first, _, rest = name.partition(".")
    if rest and (first in IMPORTABLE or first in ROOMS):
        return _resolves(name)
    last = name.rpartition(".")[2]
    return last in defined() or hasattr(builtins, last)


def _resolves(name: str) -> bool:
    for whole in (name, f"lrs_lightning.{name}"):
        try:
            pkgutil.resolve_name(whole)
        except (ImportError, AttributeError):
            continue
        return True
    return False


@cache
def options() -> frozenset[str]:
    """Every option of every verb and section."""
    from lrs_lightning.options.signature import parser_for

    parsers = list(trainer_parsers().values())
    parsers += [parser_for(function, "x") for function in _functions()]
    return frozenset(o for p in parsers for a in p._actions for o in a.option_strings)


def _functions() -> list:
    from lrs_lightning.commands import (
        collect,
        evaluate,
        expert,
        export,
        import_,
        info,
        report,
        sweep,
    )  # fmt: skip

    return [
        collect.collect, evaluate.evaluate, expert.score, export.export, import_.import_,
        info.info, report.report, sweep.sweep,
    ]  # fmt: skip


@cache
def trainer_parsers() -> dict[str, argparse.ArgumentParser]:
    """The parsers of Lightning's verbs."""
    from lrs_lightning.training.trainer_cli import TrainerCLI

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Lightning's, of words that are not those of sys.argv
        parser = capture_parser(lambda: TrainerCLI(["fit"]))
    return next(a for a in parser._actions if isinstance(a, argparse._SubParsersAction)).choices


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_stands_in_backticks_exists(document):
    doubts = {str(word): reason_to_doubt(word) for word in words_of(document)}
    assert [f"{word}: {reason}" for word, reason in doubts.items() if reason] == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("lrs_lightning/envs/mujoco/", "no such path"),
        ("envs/mujoco_engin.py", "no such path"),
        ("nowhere.py", "no such path"),
        ("lrs_lightning.nn.theroy", "no such name"),
        ("experts.load_exprt", "no such name"),
        ("hiden_size", "no such name"),
        ("cfc_scann(x, y)", "no such function"),
        ("shifts.mak(condition)", "no such function"),
        ("mask_sed=3", "no such name"),
        ("--data.burnin", "no such option: --data.burnin"),
        ("collect --noize 0", "no such option: --noize"),
    ],
)
def test_what_does_not_exist_is_found(text, reason):
    assert reason_to_doubt(Word(ROOT / "README.md", text)) == reason


def test_no_exception_is_idle():
    texts = {word.text for word in words()}
    assert set(OTHERS) | WRITTEN <= texts


# Command lines that name a module of the user's own, which is shown beside them.
USERS = ("leaky.Leaky", "fourier.Fourier")


@pytest.mark.parametrize(
    "command", [c for c in commands() if not set(USERS) & set(c.words)], ids=str
)
def test_a_command_line_is_accepted(command: Command, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    first, *rest = command.words
    if first.startswith("."):
        assert importlib.util.find_spec(f"{command.program}{first}")
    elif command.program == "benchmarks":
        assert first in SECTIONS
        assert benchmarks([first, *rest, *_only_asking(command)]) == 0
    elif first in trainer_parsers():
        assert trainer_parsers()[first].parse_args(with_paths(rest))
    else:
        assert main([first, *rest, *_only_asking(command)]) == 0


def _only_asking(command: Command) -> list[str]:
    """What has a command parsed and not run; a bare verb may lack what it needs."""
    short = len(command.words) < 2 or command.words[:2] == ("expert", "fit")
    return ["--help"] if short and "--config" not in command.words else ["--print_config"]
