"""Dagster's view of the graph: assets, checks, jobs, a schedule and two sensors."""
