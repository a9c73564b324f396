"""Random numbers that depend on a seed and on names alone: not on the block, nor on other customers."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Keys = npt.NDArray[np.uint64]
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def name_keys(names: Any) -> Keys:
    """Give a number for each name (an Arrow array of text), the same in every run."""
    keys: Keys = pd.util.hash_array(np.asarray(names.to_pylist(), dtype=object), categorize=False)
    return keys


def uniform(seed: int, *keys: npt.NDArray[Any] | int) -> npt.NDArray[np.float64]:
    """Give numbers in [0, 1), one for each combination of keys, by a counter-based generator.

    SplitMix64's mixing of one key after the other (Steele, Lea and Flood, "Fast splittable pseudorandom
    number generators", 2014). What a customer's rows draw stays when other customers or later purchases come.

    Parameters
    ----------
    seed
        Of the run.
    keys
        Whole numbers, alone or in arrays that broadcast.
    """
    state = np.asarray(seed, dtype=np.int64).astype(np.uint64).reshape(1)
    with np.errstate(over="ignore"):
        for key in keys:
            state = _mixed(state + _GOLDEN + np.asarray(key).astype(np.uint64))
    return (state >> np.uint64(11)).astype(np.float64) / 2.0**53


def _mixed(state: Keys) -> Keys:
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))
