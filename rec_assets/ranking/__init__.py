"""Ranking the whole catalogue in one forward pass."""
