"""Attributes the catalogue lacks, as a head reads them off the texts."""

from typing import Any

import pandas as pd
from tqdm import tqdm

from rec_assets.columns import SKU, UNKNOWN
from rec_assets.heads.examples import join_text
from rec_assets.params import Head

COLUMNS = {SKU: "string", "column": "string", "value": "string", "probability": "float64", "kept": "bool"}
_TEXTS = 5000  # read at once


def fill_missing(classifier: Any, articles: pd.DataFrame, head: Head, *, trusted: bool) -> pd.DataFrame:
    """Predict one column for the articles that lack it and have a text.

    Parameters
    ----------
    classifier
        A fitted :class:`rec_assets.heads.classifier.DecoderTrimmedClassifier`.
    articles
        The catalogue.
    head
        Column, texts and ``fill_above``.
    trusted
        Whether the head held against its baselines; of one that did not nothing is kept.

    Returns
    -------
    pandas.DataFrame
        ``sku, column, value, probability, kept``, one row an article, sorted by SKU; nothing where
        ``fill_above`` is none.
    """
    own = articles[head.label].astype("string").str.strip().fillna("")
    texts = join_text(articles, head.text)
    lacking = (own.eq("") | own.eq(UNKNOWN)) & texts.ne("")
    if head.fill_above is None or not lacking.any():
        return nothing_filled()
    skus, wanted = articles.loc[lacking, SKU], texts[lacking].tolist()
    values: list[str] = []
    sure: list[float] = []
    for begin in tqdm(range(0, len(wanted), _TEXTS), desc=f"fill {head.label}", delay=1):
        probabilities = classifier.predict_proba(wanted[begin : begin + _TEXTS])
        best = probabilities.argmax(axis=1)
        values += [str(classifier.classes_[index]) for index in best]
        sure += probabilities.max(axis=1).tolist()
    frame = pd.DataFrame({SKU: skus.to_numpy(), "column": head.label, "value": values, "probability": sure})
    frame["kept"] = frame["probability"].gt(head.fill_above) & trusted
    return frame.astype(COLUMNS).sort_values(SKU, ignore_index=True)


def nothing_filled() -> pd.DataFrame:
    """Give the table without rows; its columns keep their types."""
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in COLUMNS.items()})


def one_answer(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """Join the heads' tables; where two heads fill one column, the surer kept value stays."""
    filled = pd.concat([nothing_filled(), *parts]).astype(COLUMNS)
    ordered = filled.sort_values(
        ["column", SKU, "kept", "probability"], ascending=[True, True, False, False], kind="stable"
    )
    return ordered.drop_duplicates(["column", SKU]).reset_index(drop=True)
