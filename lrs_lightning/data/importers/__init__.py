"""Formats of demonstrations: each a file in this folder, or a class of another package."""

from lrs_lightning.data.importers.base import Importer
from lrs_lightning.data.importers.importing import import_demonstrations, understand
from lrs_lightning.data.importers.registry import choose, importers, register

__all__ = ["Importer", "choose", "import_demonstrations", "importers", "register", "understand"]
