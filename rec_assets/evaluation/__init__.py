"""Splits, metrics, slices, significance and learned relations: lists and truth, never models."""
