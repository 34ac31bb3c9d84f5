"""From rows of episodes to estimates with intervals: results, bootstrap, comparison, summary."""

from lrs_lightning.statistics.merging import merge_results
from lrs_lightning.statistics.results import (
    ResultsWriter,
    read_results,
    stream_results,
)
from lrs_lightning.statistics.returns import Returns
from lrs_lightning.statistics.summary import Summary, summarize, summarize_all

__all__ = [
    "ResultsWriter",
    "Returns",
    "Summary",
    "merge_results",
    "read_results",
    "stream_results",
    "summarize",
    "summarize_all",
]
