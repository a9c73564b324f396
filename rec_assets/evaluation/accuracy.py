"""How well lists find what customers bought: one value per customer, from the rank of each thing bought.

Conventions, the same for every model:

- the relevant set of a customer is the set of distinct SKUs in the holdout basket;
- recall divides by the whole basket, ``|hits| / |relevant|``, even where the basket is longer than the list;
- precision and average precision count a list shorter than ``k`` as if it were filled with misses;
- NDCG is binary, with discount ``1 / log2(rank + 1)``, and its ideal list is truncated at ``k``;
- a customer with nothing relevant is not judged: the value is NaN.

Ranks start at 1; a purchase that the list does not hold has rank ``inf``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Found:
    """Where one model's lists put each thing bought.

    Parameters
    ----------
    ranks
        (P,) rank of the purchase in its customer's list, ``inf`` when absent.
    customer
        (P,) index of the customer, ascending.
    spent
        (P,) what the customer paid; NaN when unknown.
    customers
        Number of customers U; each result has shape (U,).
    """

    ranks: Floats
    customer: Integers
    spent: Floats
    customers: int

    @property
    def relevant(self) -> Floats:
        """(U,) distinct SKUs bought by each customer; NaN where none, so that ratios are not judged."""
        counts = np.bincount(self.customer, minlength=self.customers).astype(float)
        counts[counts == 0] = np.nan
        return counts

    def total(self, weights: Floats) -> Floats:
        """(U,) sum of (P,) weights over each customer's purchases."""
        sums = np.bincount(self.customer, weights=weights, minlength=self.customers)
        return sums.astype(float)  # without a purchase bincount gives integers

    def hits(self, k: int) -> Floats:
        """(U,) purchases among the first ``k`` of the list; NaN where nothing is relevant."""
        return self.total((self.ranks <= k).astype(float)) + 0 * self.relevant

    def only(self, chosen: NDArray[np.bool_]) -> "Found":
        """Keep the purchases chosen by a (P,) mask: a slice of the holdout."""
        return Found(self.ranks[chosen], self.customer[chosen], self.spent[chosen], self.customers)


def hit_rate(found: Found, k: int) -> Floats:
    r"""Whether the first ``k`` hold anything bought (Deshpande & Karypis, 2004).

    .. math:: \mathrm{Hit@}k = [\,|L_k \cap R| > 0\,]

    Examples
    --------
    >>> two = Found(np.array([2.0, np.inf, 9.0]), np.array([0, 0, 1]), np.ones(3), 2)
    >>> hit_rate(two, 5)
    array([1., 0.])
    """
    hits = found.hits(k)
    return np.where(np.isnan(hits), np.nan, (hits > 0).astype(float))


def precision(found: Found, k: int) -> Floats:
    r"""Share of the first ``k`` that was bought (Herlocker et al., 2004, doi:10.1145/963770.963772).

    .. math:: \mathrm{P@}k = |L_k \cap R| / k

    Examples
    --------
    >>> two = Found(np.array([2.0, np.inf, 9.0]), np.array([0, 0, 1]), np.ones(3), 2)
    >>> precision(two, 5)
    array([0.2, 0. ])
    """
    return found.hits(k) / k


def recall(found: Found, k: int) -> Floats:
    r"""Share of the basket among the first ``k`` (Herlocker et al., 2004, doi:10.1145/963770.963772).

    .. math:: \mathrm{R@}k = |L_k \cap R| / |R|

    Examples
    --------
    >>> two = Found(np.array([2.0, np.inf, 9.0]), np.array([0, 0, 1]), np.ones(3), 2)
    >>> recall(two, 5)
    array([0.5, 0. ])
    """
    return found.hits(k) / found.relevant


def average_precision(found: Found, k: int) -> Floats:
    r"""Precision at each hit, averaged; its mean over customers is MAP (Buckley & Voorhees, 2000).

    .. math:: \mathrm{AP@}k = \frac{1}{\min(|R|, k)} \sum_{i \le k,\, L_i \in R} \mathrm{P@}i

    Examples
    --------
    >>> two = Found(np.array([1.0, 4.0, 9.0]), np.array([0, 0, 1]), np.ones(3), 2)
    >>> average_precision(two, 5)  # (1/1 + 2/4) / 2
    array([0.75, 0.  ])
    """
    order = np.lexsort((found.ranks, found.customer))
    starts = np.searchsorted(found.customer, found.customer, side="left")
    nth = np.empty(len(order))  # how many of the customer's purchases rank at least as high
    nth[order] = np.arange(len(order)) - starts + 1
    gains = np.where(found.ranks <= k, nth / found.ranks, 0.0)
    return found.total(gains) / np.minimum(found.relevant, k)


def reciprocal_rank(found: Found, k: int) -> Floats:
    r"""One over the rank of the first hit; its mean over customers is MRR (Voorhees, TREC-8, 1999).

    .. math:: \mathrm{RR@}k = 1 / \min\{i \le k : L_i \in R\}, \text{ or } 0

    Examples
    --------
    >>> two = Found(np.array([4.0, 2.0, 9.0]), np.array([0, 0, 1]), np.ones(3), 2)
    >>> reciprocal_rank(two, 5)
    array([0.5, 0. ])
    """
    first = np.full(found.customers, np.inf)
    np.minimum.at(first, found.customer, found.ranks)
    return np.where(first <= k, 1 / first, 0.0) + 0 * found.relevant


def ndcg(found: Found, k: int) -> Floats:
    r"""Discounted gain over that of the ideal list (Järvelin & Kekäläinen, 2002, doi:10.1145/582415.582418).

    .. math:: \mathrm{NDCG@}k = \sum_{i \le k,\, L_i \in R} \frac{1}{\log_2(i + 1)} \Big/
              \sum_{i \le \min(|R|, k)} \frac{1}{\log_2(i + 1)}

    Examples
    --------
    >>> two = Found(np.array([1.0, np.inf, 3.0]), np.array([0, 0, 1]), np.ones(3), 2)
    >>> ndcg(two, 5).round(4)
    array([0.6131, 0.5   ])
    """
    gains = np.where(found.ranks <= k, 1 / np.log2(found.ranks + 1), 0.0)
    ideal = np.concatenate([[np.nan], np.cumsum(1 / np.log2(np.arange(1, k + 1) + 1))])
    relevant = np.nan_to_num(found.relevant).astype(int)
    return found.total(gains) / ideal[np.minimum(relevant, k)]


def revenue(found: Found, k: int) -> Floats:
    r"""Share of the basket's spending that the first ``k`` cover; NaN for a basket without prices.

    .. math:: \mathrm{Revenue@}k = \sum_{i \in L_k \cap R} s_i \Big/ \sum_{i \in R} s_i

    A purchase without a price weighs nothing. Recall weighted by price (cf. Louca et al., 2019, Joint
    optimization of profit and relevance for recommendation systems in e-commerce).

    Examples
    --------
    >>> one = Found(np.array([1.0, np.inf]), np.array([0, 0]), np.array([30.0, 10.0]), 1)
    >>> revenue(one, 5)
    array([0.75])
    """
    spent = np.nan_to_num(found.spent)
    basket = found.total(spent)
    basket[basket <= 0] = np.nan
    return found.total(np.where(found.ranks <= k, spent, 0.0)) / basket


ACCURACY: Mapping[str, Callable[[Found, int], Floats]] = {
    "hit_rate": hit_rate,
    "precision": precision,
    "recall": recall,
    "map": average_precision,
    "mrr": reciprocal_rank,
    "ndcg": ndcg,
    "revenue": revenue,
}
