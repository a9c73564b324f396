"""Couturier's library: stages that turn purchases into a language model that recommends."""

import os

# Threads of PyTorch that wait by spinning make a training several times slower when anything else needs a
# core. OpenMP reads this once, so it is said before PyTorch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
