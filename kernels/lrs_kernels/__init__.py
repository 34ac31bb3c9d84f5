"""Recurrence over time with a low-rank sparse recurrent matrix, on CPU and GPU."""
