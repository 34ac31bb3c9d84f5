"""Policies out: files that run elsewhere, checked against the policy before they are released."""

from lrs_lightning.deployment.card import Card
from lrs_lightning.deployment.exporting import Exported, export_policy
from lrs_lightning.deployment.interface import Interface
from lrs_lightning.deployment.parity import Agreement

__all__ = ["Agreement", "Card", "Exported", "Interface", "export_policy"]
