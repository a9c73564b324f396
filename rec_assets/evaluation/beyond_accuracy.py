"""What lists are like, whether or not they hit: breadth, novelty, surprise, popularity, variety.

Lists are an (U, D) array of article indices, best first, padded with -1 where a list ends early.
"""

import lenskit.data  # noqa: F401 - lenskit.stats cannot be imported before it (circular import in 2025.8.1)
import numpy as np
from lenskit.stats import gini
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def coverage(lists: Integers, catalogue: int) -> float:
    r"""Share of the catalogue that appears in any list (Ge et al., 2010, doi:10.1145/1864708.1864761).

    .. math:: |\textstyle\bigcup_u L_u| / |I|

    Examples
    --------
    >>> coverage(np.array([[0, 1], [1, -1]]), 8)
    0.25
    """
    return float(np.count_nonzero(np.bincount(lists[lists >= 0])) / catalogue)


def exposure_gini(lists: Integers, catalogue: int) -> float:
    r"""Gini coefficient of how often each article is listed: 0 all equally, near 1 always the same few.

    LensKit's ``ListGini`` (Fleder & Hosanagar, 2009, doi:10.1287/mnsc.1080.0974); NaN where nothing is
    listed.

    Examples
    --------
    >>> exposure_gini(np.array([[0, 1], [1, 0]]), 2)
    0.0
    """
    listed = np.bincount(lists[lists >= 0], minlength=catalogue)
    return float(gini(listed)) if listed.any() else float("nan")


def self_information(purchases: Integers) -> Floats:
    r"""(I,) surprise of seeing each article bought, in bits, with one purchase added to each.

    .. math:: -\log_2 \frac{n_i + 1}{\sum_j (n_j + 1)}

    The added purchase keeps an article never bought finite, so new arrivals count as the most novel.
    """
    counts = purchases + 1.0
    return np.asarray(-np.log2(counts / counts.sum()))


def novelty(lists: Integers, information: Floats) -> float:
    r"""Mean self-information of what is listed, in bits (Zhou et al., 2010, doi:10.1073/pnas.1000488107).

    Examples
    --------
    >>> novelty(np.array([[0, 1]]), np.array([1.0, 3.0]))
    2.0
    """
    return mean_per_list(lists, information)


def popularity_quantile(purchases: Integers) -> Floats:
    """(I,) popularity rank as a quantile: 1 for the best-seller, 0 for an article never bought.

    The same values as LensKit's ``MeanPopRank`` (Vargas & Castells, 2011, doi:10.1145/2043932.2043955).

    Examples
    --------
    >>> popularity_quantile(np.array([0, 5, 9]))
    array([0. , 0.5, 1. ])
    """
    sold = purchases > 0
    values, inverse, counts = np.unique(purchases[sold], return_inverse=True, return_counts=True)
    average_rank = np.cumsum(counts) - (counts - 1) / 2
    quantiles = np.zeros(len(purchases))
    if len(values):
        quantiles[sold] = average_rank[inverse] / sold.sum()
    return quantiles


def mean_per_list(lists: Integers, values: Floats) -> float:
    """Mean over lists of the mean (I,) value of the articles listed; empty lists are left out.

    Examples
    --------
    >>> mean_per_list(np.array([[0, 1], [1, -1], [-1, -1]]), np.array([1.0, 3.0]))
    2.5
    """
    held = lists >= 0
    counts = held.sum(axis=1)
    sums = np.where(held, values[lists], 0.0).sum(axis=1)
    return float((sums[counts > 0] / counts[counts > 0]).mean()) if counts.any() else float("nan")


def serendipity(hits: NDArray[np.bool_], expected: NDArray[np.bool_], k: int) -> float:
    r"""Share of the list bought though not to be expected (Ge et al., 2010, doi:10.1145/1864708.1864761).

    .. math:: \frac{1}{k} \left| (L_k \cap R) \setminus E \right|

    Parameters
    ----------
    hits
        (U, k) whether each place holds something bought in the holdout.
    expected
        (U, k) whether a primitive rule would list it too: it is among the ``k`` most popular articles,
        or the customer bought it before.
    k
        Length of the lists.

    Examples
    --------
    >>> serendipity(np.array([[True, True]]), np.array([[True, False]]), 2)
    0.5
    """
    return float((hits & ~expected).sum(axis=1).mean() / k) if len(hits) else float("nan")


def intra_list_diversity(lists: Integers, attributes: Integers) -> float:
    r"""Mean distance between two articles of a list (Smyth & McClave, 2001; Ziegler et al., 2005).

    .. math:: \frac{2}{|L|(|L|-1)} \sum_{i<j \in L} d(i, j)

    where ``d`` is the share of attributes in which the two differ (Hamming distance).

    Parameters
    ----------
    lists
        (U, k) article indices, -1 where the list ends. Lists of fewer than two articles are left out.
    attributes
        (I, A) code of each attribute, such as category, colour, department, price tier.

    Examples
    --------
    >>> intra_list_diversity(np.array([[0, 1]]), np.array([[0, 5], [0, 6]]))
    0.5
    """
    held = lists >= 0
    length = held.sum(axis=1)
    pairs = length * (length - 1) / 2
    different = np.zeros(len(lists))
    for column in attributes.T:
        # Sorting a row brings equal codes together: equal pairs are counted without the k x k table.
        codes = np.sort(np.where(held, column[lists], -1), axis=1)
        same_as_left = codes[:, 1:] == codes[:, :-1]
        equal = np.zeros(len(lists))
        run = np.zeros(len(lists))
        for place in range(codes.shape[1] - 1):
            run = np.where(same_as_left[:, place] & (codes[:, place + 1] >= 0), run + 1, 0)
            equal += run
        different += pairs - equal
    judged = pairs > 0
    if not judged.any():
        return float("nan")
    return float((different[judged] / pairs[judged] / attributes.shape[1]).mean())
