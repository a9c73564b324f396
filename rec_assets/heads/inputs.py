"""What scikit-learn hands a classifier of texts: checked, and as plain lists."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from rec_assets.heads.errors import HeadError
from rec_assets.heads.label_words import Words, refuse_one_text


def as_texts(X: Any) -> list[str]:
    """Read a list, an array, a Series or any other sequence of N texts.

    Raises
    ------
    HeadError
        When it is one text, empty, has columns, or an entry is no text.
    """
    if isinstance(X, str | bytes):
        raise HeadError("One text was given where a list of texts is expected.", "Write [text].")
    shape = getattr(X, "shape", None)
    if shape is not None and len(shape) != 1:
        raise HeadError(
            f"Texts come in one dimension; these have the shape {tuple(shape)}. Reshape your data.",
            "Choose one column, for instance table['title'].",
        )
    texts = list(X)
    if not texts:
        raise HeadError(
            "There is no text: 0 sample(s) were given, and a minimum of 1 is required.", "Give one."
        )
    for place, text in enumerate(texts):
        if not isinstance(text, str):
            raise HeadError(
                f"Entry {place} is {type(text).__name__} {text!r}, not a text.",
                "Fill missing texts with '' and write numbers as str.",
            )
    return [str(text) for text in texts]


def as_targets(y: Any, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Read N labels as the sorted distinct ones, and each row's index among them.

    Raises
    ------
    HeadError
        When there are not as many labels as texts, one is missing, or they are of several types.
    """
    # numpy would write a list of texts and others as texts: 1 as "1", a missing one as "nan".
    given = column_or_1d(np.array(y, dtype=object) if isinstance(y, list | tuple) else y)
    if given.dtype.kind == "O" and pd.isna(given).any():
        raise HeadError("A label is missing.", "Leave rows without a label out of the training set.")
    if given.dtype.kind == "O" and len({isinstance(one, str) for one in given}) > 1:
        raise _several_types()
    labels = column_or_1d(y, warn=True)
    check_classification_targets(labels)
    if len(labels) != count:
        raise HeadError(
            f"There are {count} texts and {len(labels)} labels.", "Give one label for every text."
        )
    classes, targets = np.unique(labels, return_inverse=True)
    return classes, targets


def choose_classes(labels: Words | None, seen: np.ndarray | None) -> np.ndarray:
    """Give the labels, sorted: those named, else those seen.

    Raises
    ------
    HeadError
        When there are none, they are one text, or one is seen that is not named.
    """
    if labels is None:
        if seen is None:
            raise HeadError(
                "There are no labels; requires y to be passed, but the target y is None.",
                "Give labels to the classifier, or y to fit.",
            )
        return seen
    refuse_one_text(labels)
    named = np.unique(label_array(list(labels) if isinstance(labels, Mapping) else labels))
    if seen is not None and (unknown := [one for one in seen.tolist() if one not in set(named.tolist())]):
        raise HeadError(
            f"y holds {unknown[0]!r}, which labels does not name.",
            f"Labels are: {', '.join(map(str, named.tolist()))}.",
        )
    return named


def label_array(labels: Sequence[Any]) -> np.ndarray:
    """Give labels as an array of their own type, refusing a mixture that numpy would turn into texts."""
    array = np.array(list(labels))
    if array.dtype.kind == "U" and not all(isinstance(one, str) for one in labels):
        raise _several_types()
    return array


def _several_types() -> HeadError:
    return HeadError("Labels are of several types.", "Write them all as texts, or all as numbers.")
