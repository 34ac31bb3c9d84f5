"""Scans as differentiable operators."""
