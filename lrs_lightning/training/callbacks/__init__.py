"""Callbacks: closed-loop evaluation under shift, and the run table."""
