"""The labelled texts: what is trained on, what recipes are chosen on, what is scored once."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from harness.results import PROJECT

SELECTION_ROWS = 1_000
FASHION_TEST_ROWS = 5_000
FASHION_MIN_ROWS = 40
_SPLIT_SEED = 0

# Data sets that are not split as they were at first: what was run or chosen before is named otherwise.
_SPLIT_BY = {"fashion": "text", "ag_news": "text"}
_PHRASES = ("sst2",)  # "all" of these is sentences and phrases


@dataclass(frozen=True)
class Task:
    """One data set.

    Parameters
    ----------
    name
        ``sst2``, ``ag_news`` or ``fashion``.
    labels
        The n labels, in the order of their indices.
    texts, targets
        Every text, train before test, and its label's index, (N,).
    test
        Rows of the test part (dev where a data set has no other), (N,).
    selection
        Rows of train on which prompts, label words and hyper-parameters are chosen, (N,). No shot is drawn
        from them; only "all" trains on them, once the choice is made.
    withheld
        Rows of train that nothing learns from before the choice is made, (N,): the selection, and what tells
        a part of it.
    """

    name: str
    labels: tuple[str, ...]
    texts: tuple[str, ...]
    targets: np.ndarray
    test: np.ndarray
    selection: np.ndarray
    withheld: np.ndarray

    def rows(self, part: str) -> np.ndarray:
        """Give the rows of ``pool`` (train but what is withheld), ``selection``, ``train`` or ``test``."""
        masks = {
            "pool": ~self.test & ~self.withheld,
            "selection": self.selection,
            "train": ~self.test,
            "test": self.test,
        }
        return np.flatnonzero(masks[part])

    def shots(self, count: int | None, seed: int, part: str = "pool", share: float = 1.0) -> np.ndarray:
        """Draw ``count`` rows of every label from a part, (count · n,); None: a share of it, as a rule all.

        A label with fewer rows gives all it has.
        """
        rows = self.rows(part)
        random = np.random.default_rng([_SPLIT_SEED, seed])
        if count is None:
            return np.sort(random.permutation(rows)[: round(share * len(rows))])
        own = [
            random.permutation(rows[self.targets[rows] == label])[:count] for label in range(len(self.labels))
        ]
        return np.sort(np.concatenate(own))

    def said(self, rows: np.ndarray) -> list[str]:
        """Give the texts of rows."""
        return [self.texts[row] for row in rows]


def split_of(dataset: str, shots: int | None) -> str | None:
    """Say how a data set is split and what "all" of it is, where that has changed; none: as at first."""
    return "phrases" if shots is None and dataset in _PHRASES else _SPLIT_BY.get(dataset)


def read_task(name: str, test_rows: int | None = None, *, whole: bool = False) -> Task:
    """Read one data set from the research data.

    Parameters
    ----------
    name
        ``sst2``, ``ag_news`` or ``fashion``.
    test_rows
        Smoke run: only so many test rows, and as many for the selection.
    whole
        For training on all there is: of SST-2 its phrases, too, from which no shots are drawn.
    """
    task = {"sst2": _sst2, "ag_news": _ag_news, "fashion": _fashion}[name](_shared())
    if whole and name in _PHRASES:
        from classification.phrases import with_phrases

        table = pd.read_parquet(_shared() / name / "train_phrases.parquet")
        task = with_phrases(task, table["sentence"].str.strip().tolist(), table["label"].to_numpy())
    return task if test_rows is None else _fewer(task, test_rows)


def make_task(
    name: str,
    labels: tuple[str, ...],
    train: tuple[list[str], np.ndarray],
    test: tuple[list[str], np.ndarray],
) -> Task:
    """Put train and test together and set a part of train aside for the selection.

    The part is drawn at random, at most a fifth of train. Rows whose text is also in the part leave the
    pool's side with it: what was chosen on must not be learnt.
    """
    texts = (*train[0], *test[0])
    is_test = np.arange(len(texts)) >= len(train[0])
    size = min(SELECTION_ROWS, len(train[0]) // 5)
    drawn = np.random.default_rng(_SPLIT_SEED).permutation(len(train[0]))[:size]
    said = {texts[row] for row in drawn}
    selection = np.array([not out and text in said for text, out in zip(texts, is_test, strict=True)])
    return Task(name, labels, texts, np.concatenate([train[1], test[1]]), is_test, selection, selection)


def _shared() -> Path:
    return Path(os.environ.get("COUTURIER_SHARED", PROJECT.parent / "shared")) / "data"


def _sst2(data: Path) -> Task:
    train, dev = (pd.read_parquet(data / "sst2" / f"{part}.parquet") for part in ("train", "dev"))
    return make_task(
        "sst2",
        ("negative", "positive"),
        (train["sentence"].str.strip().tolist(), train["label"].to_numpy()),
        (dev["sentence"].str.strip().tolist(), dev["label"].to_numpy()),
    )


def _ag_news(data: Path) -> Task:
    train, dev = (pd.read_parquet(data / "ag_news" / f"{part}.parquet") for part in ("train", "dev"))
    texts, judged = (table["text"].str.split().str.join(" ") for table in (train, dev))
    new = ~texts.isin(set(judged))  # a few texts of train stand in dev, too
    return make_task(
        "ag_news",
        ("World", "Sports", "Business", "Sci/Tech"),
        (texts[new].tolist(), train["label"][new].to_numpy() - 1),
        (judged.tolist(), dev["label"].to_numpy() - 1),
    )


def _fashion(data: Path) -> Task:
    table = pd.read_parquet(data / "fashion_products" / "styles.parquet")
    table = table[table["productDisplayName"].fillna("").str.strip().ne("")]
    counts = table["articleType"].value_counts()
    labels = tuple(sorted(counts.index[counts >= FASHION_MIN_ROWS]))
    table = table[table["articleType"].isin(labels)].sort_values("id", ignore_index=True)
    texts = table["productDisplayName"].str.split().str.join(" ").to_numpy(object)
    targets = np.searchsorted(np.array(labels, object), table["articleType"].to_numpy(object))
    test = draw_by_text(texts, FASHION_TEST_ROWS)
    return make_task(
        "fashion", labels, (texts[~test].tolist(), targets[~test]), (texts[test].tolist(), targets[test])
    )


def draw_by_text(texts: np.ndarray, size: int) -> np.ndarray:
    """Mark ``size`` rows, drawn at random by their texts, (N,): copies of a text stay together.

    A text with more copies than there is room for is passed over.
    """
    different, place = np.unique(texts, return_inverse=True)
    copies = np.bincount(place)
    drawn, room = np.zeros(len(different), bool), size
    for text in np.random.default_rng(_SPLIT_SEED).permutation(len(different)):
        if copies[text] <= room:
            drawn[text] = True
            room -= copies[text]
    return drawn[place]


def _fewer(task: Task, rows: int) -> Task:
    """Keep the first ``rows`` of a seeded order of test and of the selection."""
    random = np.random.default_rng(_SPLIT_SEED)
    dropped = [random.permutation(task.rows(part))[rows:] for part in ("test", "selection")]
    kept = ~np.isin(np.arange(len(task.texts)), np.concatenate(dropped))
    return replace(
        task,
        texts=tuple(np.array(task.texts, object)[kept]),
        targets=task.targets[kept],
        test=task.test[kept],
        selection=task.selection[kept],
        withheld=task.withheld[kept],
    )
