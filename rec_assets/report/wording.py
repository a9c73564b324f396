"""Figures, dates and names as a reader expects them."""

import math
import re
import unicodedata
from datetime import date

MISSING = "–"


def figure(value: float | None, digits: int = 4) -> str:
    """Write a metric; an en dash where there is none.

    Examples
    --------
    >>> figure(0.06221), figure(float("nan")), figure(3.14159, 2)
    ('0.0622', '–', '3.14')
    """
    return MISSING if absent(value) else f"{value:.{digits}f}"


def signed(value: float | None, digits: int = 4) -> str:
    """Write a difference with its sign.

    Examples
    --------
    >>> signed(0.0123), signed(-0.5, 1)
    ('+0.0123', '−0.5')
    """
    return MISSING if absent(value) else f"{value:+.{digits}f}".replace("-", "−")


def percent(value: float | None, digits: int = 1) -> str:
    """Write a share.

    Examples
    --------
    >>> percent(0.12345)
    '12.3 %'
    """
    return MISSING if value is None or math.isnan(value) else f"{100 * value:.{digits}f} %"


def count(value: float | None) -> str:
    """Write a whole number in groups of three.

    Examples
    --------
    >>> count(1234567)
    '1,234,567'
    """
    return MISSING if absent(value) else f"{value:,.0f}"


def probability(value: float | None) -> str:
    """Write a p-value.

    Examples
    --------
    >>> probability(0.0019), probability(0.0004)
    ('p = 0.002', 'p < 0.001')
    """
    if absent(value):
        return MISSING
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"  # type: ignore[operator]


def price(value: float | None) -> str:
    """Write a price in the retailer's own unit, which may be scaled (H&M's are below 1).

    Examples
    --------
    >>> price(39.9), price(0.0338)
    ('39.90', '0.0338')
    """
    if absent(value):
        return MISSING
    return f"{value:,.2f}" if value >= 1 else f"{value:.3g}"  # type: ignore[operator]


def day(value: str | None) -> str:
    """Write an ISO date in words.

    Examples
    --------
    >>> day("2025-06-03")
    '3 June 2025'
    """
    if not value:
        return MISSING
    moment = date.fromisoformat(str(value)[:10])
    return f"{moment.day} {moment:%B %Y}"


def words(name: str) -> str:
    """Turn an identifier into words.

    Examples
    --------
    >>> words("popular_in_category")
    'popular in category'
    """
    return str(name).replace("_", " ")


METRIC_NAMES = {
    "ndcg": "NDCG",
    "recall": "Recall",
    "precision": "Precision",
    "hit_rate": "Hit rate",
    "map": "MAP",
    "mrr": "MRR",
    "revenue": "Revenue captured",
    "coverage": "Coverage",
    "novelty": "Novelty (bits)",
    "serendipity": "Serendipity",
    "mean_popularity": "Mean popularity",
    "popularity_quantile": "Popularity quantile",
    "gini": "Gini",
    "diversity": "Diversity",
}


def metric(name: str) -> str:
    """Name a metric for readers.

    Examples
    --------
    >>> metric("hit_rate@10"), metric("ndcg")
    ('Hit rate@10', 'NDCG')
    """
    stem, at, cutoff = str(name).partition("@")
    return METRIC_NAMES.get(stem, words(stem)) + at + cutoff


def one_line(text: object, width: int) -> str:
    r"""Cut a title to one printable line: titles may hold line breaks, escape codes or 5,000 characters.

    Examples
    --------
    >>> one_line("Linen\x1b[31m\n shirt", 40)
    'Linen[31m shirt'
    >>> one_line("A very long coat", 8)
    'A very…'
    """
    printable = "".join(" " if c.isspace() else c for c in str(text) if c.isspace() or printing(c))
    flat = re.sub(r" +", " ", printable).strip()
    return flat if len(flat) <= width else flat[: width - 1].rstrip() + "…"


def printing(character: str) -> bool:
    """Whether a character shows: no control, format, surrogate or private-use character."""
    return unicodedata.category(character)[0] != "C"


def absent(value: float | None) -> bool:
    """Whether there is no number."""
    return value is None or math.isnan(value)
