"""Low-rank sparse recurrent policies: trained on demonstrations, judged in closed loop under shift."""

__version__ = "0.1.0"
