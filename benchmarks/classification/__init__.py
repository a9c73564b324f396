"""Text classifiers for ``benchmarks/heads.py``: one file per idea."""
