"""What is allowed in a store and yet looks wrong: one file for each suspicion."""

from lrs_lightning.data.findings.base import DataWarning, Detector, Finding
from lrs_lightning.data.findings.survey import Survey, warn_of

__all__ = ["DataWarning", "Detector", "Finding", "Survey", "warn_of"]
