"""Labelled texts of one head: chosen, counted and split."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from rec_assets.columns import UNKNOWN
from rec_assets.errors import ParamsError, TableError
from rec_assets.params import Head


@dataclass(frozen=True)
class Examples:
    """Texts with their labels.

    Parameters
    ----------
    texts, targets, test
        One entry per example: the text, its label's index, and whether it is held out.
    labels
        Label names, sorted.
    rows
        What became of the table's rows; the parts add up to ``table``.
    """

    texts: list[str]
    targets: np.ndarray
    test: np.ndarray
    labels: tuple[str, ...]
    rows: dict[str, int]


def choose_examples(table: pd.DataFrame, head: Head, name: str, seed: int) -> Examples | str:
    """Make a head's examples, or say why there are too few.

    Rows without text or label and rows of rare labels are left out; above ``max_rows`` a seeded sample is
    kept. The test share is taken from every label alike.

    Parameters
    ----------
    table
        The canonical table the head reads.
    head
        Its parameters.
    name
        The head's name, for messages.
    seed
        Seed of the sample and the split.

    Raises
    ------
    TableError
        When the table lacks a text column, or the label's and the head is not optional.
    """
    if head.optional and head.label not in table:
        return f"{head.table}.parquet has no column {head.label!r}"
    if missing := [column for column in (head.label, *head.text) if column not in table]:
        raise TableError(
            f"{head.table}.parquet has no column {missing[0]!r} for head {name!r}. "
            f"Columns found: {', '.join(map(str, table.columns))}.",
            f"Change heads.{name}.label or heads.{name}.text in params.yaml.",
        )
    frame = pd.DataFrame({"text": join_text(table, head.text), "label": table[head.label].astype("string")})
    frame["label"] = frame["label"].str.strip()
    usable = frame["label"].fillna("").ne("") & frame["label"].ne(UNKNOWN) & frame["text"].ne("")
    frame = frame[usable.astype(bool)]
    counts = frame["label"].value_counts()
    common = frame[frame["label"].isin(counts.index[counts >= head.min_rows])]
    kept = common.sample(head.max_rows, random_state=seed) if len(common) > head.max_rows else common
    # A sample may leave a label too thin to be both learnt and tested.
    counts_kept = kept.drop_duplicates()["label"].value_counts()
    thick = kept[kept["label"].isin(counts_kept.index[counts_kept >= 2])].sort_index()
    labels = tuple(sorted(thick["label"].unique()))
    rows = {
        "table": len(table),
        "without text or label": len(table) - len(frame),
        "rare label": len(frame) - len(common) + len(kept) - len(thick),
        "not sampled": len(common) - len(kept),
        "used": len(thick),
    }
    if len(labels) < 2:
        return (
            f"{len(labels)} of {len(counts)} labels in column {head.label!r} have at least "
            f"{head.min_rows} rows; a classifier needs two"
        )
    targets = np.searchsorted(np.array(labels, dtype=object), thick["label"].to_numpy(dtype=object))
    texts = thick["text"].tolist()
    return Examples(texts, targets, _test_rows(texts, targets, head.test_share, seed), labels, rows)


def check_label_words(table: pd.DataFrame, head: Head, name: str) -> None:
    """Refuse words for a label that no row of the table has: its name would be mistyped.

    Raises
    ------
    ParamsError
        Naming the label.
    """
    if not isinstance(head.label_words, dict) or head.label not in table:
        return
    named = table[head.label].astype("string").str.strip().dropna().unique()
    if unknown := sorted(set(head.label_words) - set(named)):
        raise ParamsError(
            f"heads.{name}.label_words has words for {unknown[0]!r}, which is no {head.label} of any row.",
            f"Change or remove that key of heads.{name}.label_words in params.yaml.",
        )


def join_text(table: pd.DataFrame, columns: tuple[str, ...]) -> pd.Series:
    """Join the columns' texts with full stops, leaving out what is missing."""
    parts = [table[column].astype("string").fillna("").str.strip() for column in columns]
    return pd.Series(
        [". ".join(part.rstrip(".") for part in row if part) for row in zip(*parts, strict=True)],
        index=table.index,
        dtype=object,
    )


def _test_rows(texts: list[str], targets: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Mark, within every label, ``share`` of its texts: at least one where others leave it one, never all.

    Rows of one text stay on one side: a colour variant told in the same words would be an answer learnt by
    heart. So a text that several labels share is held out only where each of them keeps another.
    """
    random = np.random.default_rng(seed)
    text = pd.factorize(np.array(texts, dtype=object))[0]
    held_out: set[int] = set()
    owners = pd.DataFrame({"text": text, "label": targets}).drop_duplicates()
    kept = owners["label"].value_counts().to_dict()  # texts of each label that are not held out
    labels_of = owners.groupby("text")["label"].agg(list).to_dict()
    for label in np.unique(targets):
        own = [one for one in np.unique(text[targets == label]).tolist() if one not in held_out]
        count = min(max(1, round(share * len(own))), len(own) - 1)
        for one in random.permutation(own).tolist():
            if count > 0 and all(kept[owner] > 1 for owner in labels_of[one]):
                count -= 1
                held_out.add(one)
                for owner in labels_of[one]:
                    kept[owner] -= 1
    return np.isin(text, list(held_out))
