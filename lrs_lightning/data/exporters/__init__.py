"""Demonstrations out: a store in the format of another library."""

from lrs_lightning.data.exporters.minari import export_minari

__all__ = ["export_minari"]
