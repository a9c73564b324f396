"""What a vocabulary folder says about how its model writes SKUs."""

from pathlib import Path

import numpy as np

from rec_assets.files import read_json

IDS = "ids"
TENSORS, NAME = "item_tokens.safetensors", "item_tokens.json"


def model_vocabulary(vocabulary: Path) -> Path:
    """Give the folder that the model is built around.

    Parameters
    ----------
    vocabulary
        ``data/vocabulary``, or that of a stored version.

    Returns
    -------
    pathlib.Path
        Its ``ids`` where SKUs are written as words of id tokens; itself where each SKU is a token.
    """
    ids = vocabulary / IDS
    return ids if ids.is_dir() else vocabulary


def scheme_of(vocabulary: Path) -> str:
    """Name the scheme of item tokens of a vocabulary folder: ``sku`` where it holds no ``ids``."""
    name = vocabulary / IDS / NAME
    return str(read_json(name)["scheme"]) if name.exists() else "sku"


def words_continue(newer: Path, older: Path) -> bool:
    """Whether every SKU of one vocabulary folder is written the same way in another, longer one."""
    if scheme_of(newer) != scheme_of(older):
        return False
    if scheme_of(newer) == "sku":
        return True
    # Clusterings bring scikit-learn; one token a SKU does without.
    from rec_assets.generation.schemes import load_item_tokens

    new, old = load_item_tokens(newer / IDS), load_item_tokens(older / IDS)
    return new.size == old.size and np.array_equal(new.codes[: len(old.codes)], old.codes)
