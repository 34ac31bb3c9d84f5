"""Low-rank sparse recurrent policies: learned from demonstrations, judged in a shifted world."""

__version__ = "0.2.0"
