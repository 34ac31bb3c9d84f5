"""How a policy holds up in closed loop: suites of shifts, results, statistics, figures, report."""

from lrs_lightning.evaluation.evaluate import EVALUATION_SEED, evaluate
from lrs_lightning.evaluation.results import ResultsWriter, merge_results, read_results
from lrs_lightning.evaluation.returns import Returns
from lrs_lightning.evaluation.suites import Suite, shipped_suites
from lrs_lightning.evaluation.summary import Summary, summarize
from lrs_lightning.evaluation.table import table

__all__ = [
    "EVALUATION_SEED",
    "ResultsWriter",
    "Returns",
    "Suite",
    "Summary",
    "evaluate",
    "merge_results",
    "read_results",
    "shipped_suites",
    "summarize",
    "table",
]
