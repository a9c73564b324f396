"""What a customer buys next, by category or price tier: read off the recommender."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from rec_assets import columns as c
from rec_assets.heads.judged_head import Answers
from rec_assets.heads.verdict import MAJORITY

OWN_HABIT = "the customer's most frequent label"
TEMPERATURES = (0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6, 8.0)

Batches = Iterable[tuple[list[int], torch.Tensor]]


@dataclass(frozen=True)
class Labels:
    """Labels of the SKUs that a list may hold.

    Parameters
    ----------
    names
        The n labels, sorted; ``unknown`` is none.
    of_sku
        Label index by ``sku_index``, (S,); -1 where it is unknown or no list may hold the SKU.
    """

    names: tuple[str, ...]
    of_sku: np.ndarray

    @classmethod
    def of(cls, articles: pd.DataFrame, label: str, registry: pd.DataFrame, barred: np.ndarray) -> "Labels":
        """Give the labels of a registry's SKUs.

        Parameters
        ----------
        articles
            ``behaviour/articles.parquet``.
        label
            One of its columns.
        registry
            The SKU registry, S rows.
        barred
            SKUs that no list may hold, (S,).
        """
        said = registry[c.SKU].map(articles.set_index(c.SKU)[label]).astype("string").fillna(c.UNKNOWN)
        said = said.mask(barred, c.UNKNOWN)
        names = tuple(sorted(set(said) - {c.UNKNOWN}))
        return cls(names, pd.Index(list(names), dtype=object).get_indexer(pd.Index(said, dtype=object)))


def label_probabilities(
    scores: torch.Tensor, of_sku: np.ndarray, labels: int, temperature: float = 1.0
) -> np.ndarray:
    """Sum the softmax over SKUs by label.

    The recommender's head holds one row per SKU and none for words, so no label word can be trimmed out of
    it; nor is that needed. Whoever buys next buys an SKU, so the probability of a label is exactly the sum
    over the SKUs that bear it: the trimmed decoder's answer, with the label's words being its SKUs.

    Parameters
    ----------
    scores
        Logits, (B, S).
    of_sku
        Label index of each SKU, (S,); SKUs of -1 take no part.
    labels
        How many labels, n.
    temperature
        Divides the logits: above 1 the answer is less sure.

    Returns
    -------
    numpy.ndarray
        (B, n), rows sum to 1.
    """
    place = torch.from_numpy(of_sku).to(scores.device)
    shares = (scores.float() / temperature).masked_fill(place < 0, -torch.inf).softmax(dim=-1)
    sums = torch.zeros(len(shares), labels, device=scores.device)
    return sums.index_add_(1, place.clamp(min=0), shares).cpu().numpy()


def next_labels(prompts: pd.DataFrame, labels: Labels, registry: pd.DataFrame) -> np.ndarray:
    """Give the label index of each customer's next purchase, (N,): the first of the holdout basket."""
    by_sku = pd.Series(labels.of_sku, index=registry[c.SKU])
    first = [basket[0] if len(basket) else None for basket in prompts[c.TARGETS]]
    return by_sku.reindex(first).fillna(-1).to_numpy(dtype=np.int64)


def habits(before: pd.DataFrame, customers: pd.Series, labels: Labels, registry: pd.DataFrame) -> np.ndarray:
    """Give what each customer bought most often, (N,), then the most frequent of all as the last entry.

    Parameters
    ----------
    before
        Purchases before ``as_of``, ``customer_id, sku``.
    customers
        N ids. One who bought nothing labelled has the most frequent label of all.
    """
    bought = before.assign(label=before[c.SKU].map(pd.Series(labels.of_sku, index=registry[c.SKU])))
    bought = bought[bought["label"].fillna(-1) >= 0].astype({"label": np.int64})
    most = int(np.bincount(bought["label"]).argmax()) if len(bought) else 0
    counts = bought.groupby([c.CUSTOMER, "label"]).size().rename("rows").reset_index()
    # The most frequent label; of equals the first in the alphabet.
    counts = counts.sort_values([c.CUSTOMER, "rows", "label"], ascending=[True, False, True])
    own = counts.drop_duplicates(c.CUSTOMER).set_index(c.CUSTOMER)["label"]
    return np.append(own.reindex(customers).fillna(most).to_numpy(dtype=np.int64), most)


def choose_temperatures(
    batches: Batches, labels: dict[str, Labels], prompts: pd.DataFrame, registry: pd.DataFrame
) -> dict[str, float]:
    """Choose, for each head, the temperature that makes the validation customers' purchases most likely.

    A recommender is trained to put the right SKU first, not to know how sure it is (temperature scaling, Guo
    et al. 2017, arXiv 1706.04599; here before the sum over SKUs).

    Parameters
    ----------
    batches, labels, registry
        As in :func:`answers`.
    prompts
        Rows of ``prompts/validation.parquet``.
    """
    truth = {name: next_labels(prompts, own, registry) for name, own in labels.items()}
    losses = {name: np.zeros(len(TEMPERATURES)) for name in labels}
    for places, scores in batches:
        for name, own in labels.items():
            told = truth[name][places]
            rows = np.flatnonzero(told >= 0)
            for number, temperature in enumerate(TEMPERATURES):
                said = label_probabilities(scores, own.of_sku, len(own.names), temperature)
                losses[name][number] -= np.log(np.maximum(said[rows, told[rows]], 1e-9)).sum()
    # Without a single purchase to go by all are equal, and nothing is changed.
    return {name: TEMPERATURES[loss.argmin()] if loss.any() else 1.0 for name, loss in losses.items()}


def answers(
    batches: Batches,
    labels: dict[str, Labels],
    temperatures: dict[str, float],
    prompts: pd.DataFrame,
    registry: pd.DataFrame,
    before: pd.DataFrame,
) -> dict[str, Answers]:
    """Let all heads answer from one pass over the customers.

    Parameters
    ----------
    batches
        Places in ``prompts`` and their logits over the S SKUs, as :meth:`OnePassRanker.scores` yields them.
    labels, temperatures
        By head.
    prompts
        N rows of ``prompts/test.parquet``.
    registry
        The SKU registry.
    before
        Purchases before ``as_of``.

    Returns
    -------
    dict
        By name; customers whose next purchase has no known label are left out.
    """
    found = {name: np.empty((len(prompts), len(own.names))) for name, own in labels.items()}
    for places, scores in batches:
        for name, own in labels.items():
            found[name][places] = label_probabilities(scores, own.of_sku, len(own.names), temperatures[name])
    judged = {}
    for name, own in labels.items():
        truth = next_labels(prompts, own, registry)
        *habit, most = habits(before, prompts[c.CUSTOMER], own, registry)
        kept = truth >= 0
        rivals = {MAJORITY: np.full(kept.sum(), most), OWN_HABIT: np.array(habit, dtype=np.int64)[kept]}
        judged[name] = Answers(truth[kept], found[name][kept], rivals, own.names)
    return judged
