"""Prompts that ask as if for the first time."""

import pandas as pd

from rec_assets.columns import HISTORY, MOMENTS


def without_history(prompts: pd.DataFrame) -> pd.DataFrame:
    """Take the purchases out of prompts; header and closing stay, and no purchase shapes them."""
    empty = pd.Series([[] for _ in range(len(prompts))], index=prompts.index)
    return prompts.assign(**{HISTORY: empty, MOMENTS: empty})
