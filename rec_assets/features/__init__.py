"""Texts of articles; sequences, price tiers and segments of purchases."""
