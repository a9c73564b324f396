"""Adapters from a retailer's files, or a synthetic retailer, to the canonical tables."""
