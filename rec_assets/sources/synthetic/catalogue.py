"""The catalogue: products in several colours, some there from the start, new ones every week."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from rec_assets.columns import (
    AVAILABLE,
    CATEGORY,
    COLOUR,
    DEPARTMENT,
    DESCRIPTION,
    INTRODUCED,
    SKU,
    TITLE,
)
from rec_assets.sources.canonical import LIST_PRICE
from rec_assets.sources.synthetic.garments import (
    CLOTHS,
    COLOURS,
    CUT_FOR,
    DEPARTMENTS,
    GARMENTS,
    SIZE_SHARES,
    SIZES,
    STYLES,
    TIER_LINES,
    TIER_PRICES,
    TIERS,
)
from rec_assets.sources.synthetic.relations import season_boost

START_SHARE = 0.5  # of the products are sold from the first day
LEAD_DAYS = 28  # a seasonal product arrives this long before its season
RETIRED_SHARE = 0.05
RETIRED_AFTER_DAYS = 150
NEVER = np.iinfo(np.int64).max
COLOUR_COUNTS = (0.3, 0.35, 0.25, 0.1)  # of products with one, two, three, four colours


@dataclass(frozen=True)
class Catalogue:
    """The articles as arrays of length ``n`` SKUs, days counted from the first day of sales.

    Parameters
    ----------
    articles
        The canonical table, sorted by SKU.
    garment, style, tier, department, colour, size
        Indices into the tuples of :mod:`~rec_assets.sources.synthetic.garments`.
    appeal
        Logarithm of how much the article sells apart from everything else.
    introduced, retired
        First day on sale and first day off sale (``NEVER`` while it is sold).
    price
        List price.
    """

    articles: pd.DataFrame
    garment: np.ndarray
    style: np.ndarray
    tier: np.ndarray
    department: np.ndarray
    colour: np.ndarray
    size: np.ndarray
    appeal: np.ndarray
    introduced: np.ndarray
    retired: np.ndarray
    price: np.ndarray


def make_catalogue(random: np.random.Generator, skus: int, start: pd.Timestamp, days: int) -> Catalogue:
    """Draw ``skus`` articles for a shop open ``days`` days from ``start``."""
    counts = random.choice(np.arange(1, 5), size=skus, p=COLOUR_COUNTS)
    products = int(np.searchsorted(np.cumsum(counts), skus) + 1)
    product = np.repeat(np.arange(products), counts[:products])[:skus]  # (n,)
    variant = np.arange(skus) - np.searchsorted(product, product)

    supply = np.array([garment.departments for garment in GARMENTS], dtype=float)
    supply *= np.sqrt([[garment.weight] for garment in GARMENTS])
    pairs = random.choice(supply.size, size=products, p=supply.ravel() / supply.sum())
    garment, department = np.divmod(pairs, len(DEPARTMENTS))
    # Every category comes up before chance decides, so that a small shop has complements to sell too.
    each = random.permutation(len(GARMENTS))[:products]
    garment[: len(each)] = each
    department[: len(each)] = supply[each].argmax(axis=1)
    style = random.integers(0, len(STYLES), size=products)
    tier = random.choice(len(TIERS), size=products, p=(0.35, 0.4, 0.25))
    size = random.choice(len(SIZES), size=products, p=SIZE_SHARES)
    size[department == DEPARTMENTS.index("kids")] = 0
    introduced = _introductions(random, garment, start, days)
    retired = _retirements(random, garment, introduced, days)
    price = np.array([GARMENTS[g].price * TIER_PRICES[t] for g, t in zip(garment, tier, strict=True)])
    price = np.round(price * random.lognormal(0, 0.15, size=products)) + 0.99

    palettes = np.array([[COLOURS.index(colour) for colour in entry.colours] for entry in STYLES])
    shuffled = random.permuted(palettes[style], axis=1)  # (products, colours of a style)
    colour = shuffled[product, variant]
    appeal = random.normal(0, 0.4, size=products)[product] + random.normal(0, 0.3, size=skus)
    words = _product_words(random, garment, department, style, tier, size)
    articles = _articles(product, variant, words, garment, department, colour, start)
    articles[INTRODUCED] = (start + pd.to_timedelta(introduced[product], unit="D")).astype("datetime64[us]")
    articles[AVAILABLE] = retired[product] == NEVER
    articles[LIST_PRICE] = price[product]
    return Catalogue(
        articles=articles,
        garment=garment[product],
        style=style[product],
        tier=tier[product],
        department=department[product],
        colour=colour,
        size=size[product],
        appeal=appeal,
        introduced=introduced[product],
        retired=retired[product],
        price=price[product],
    )


def _introductions(
    random: np.random.Generator, garment: np.ndarray, start: pd.Timestamp, days: int
) -> np.ndarray:
    """Draw each product's first day: before the start, or a Monday ahead of its season."""
    introduced = -random.integers(1, 400, size=len(garment))
    arriving = np.flatnonzero(random.random(len(garment)) >= START_SHARE)
    mondays = np.arange((7 - start.dayofweek) % 7, days, 7)
    if len(mondays) == 0 or len(arriving) == 0:
        return introduced
    months = (start + pd.to_timedelta(mondays + LEAD_DAYS, unit="D")).month.to_numpy()
    worn = np.exp(0.5 * season_boost(months))  # (weeks, garments)
    # Deal the weeks out evenly first, then let each week choose what suits its season.
    weeks = random.permutation(np.resize(np.arange(len(mondays)), len(arriving)))
    waiting = list(arriving)
    for week in np.sort(weeks):
        weight = worn[week, garment[waiting]]
        chosen = int(random.choice(len(waiting), p=weight / weight.sum()))
        introduced[waiting.pop(chosen)] = mondays[week]
    return introduced


def _retirements(
    random: np.random.Generator, garment: np.ndarray, introduced: np.ndarray, days: int
) -> np.ndarray:
    basic = np.array([entry.basic for entry in GARMENTS])[garment]
    retired = np.full(len(garment), NEVER)
    earliest = np.maximum(introduced + RETIRED_AFTER_DAYS, 1)
    leaving = ~basic & (earliest < days) & (random.random(len(garment)) < 2 * RETIRED_SHARE)
    retired[leaving] = random.integers(earliest[leaving], days)
    return retired


def _product_words(
    random: np.random.Generator,
    garment: np.ndarray,
    department: np.ndarray,
    style: np.ndarray,
    tier: np.ndarray,
    size: np.ndarray,
) -> list[dict[str, str]]:
    words = []
    draws = random.random((len(garment), 4))
    for place, (g, s, t) in enumerate(zip(garment, style, tier, strict=True)):
        entry, manner = GARMENTS[g], STYLES[s]
        whom = DEPARTMENTS[department[place]]
        nouns = [noun for noun in entry.nouns if whom in CUT_FOR.get(noun, DEPARTMENTS)]
        choices = (manner.fits, manner.patterns, CLOTHS[entry.cloth][t], nouns)
        fit, pattern, material, noun = (
            options[int(draw * len(options))] for options, draw in zip(choices, draws[place], strict=True)
        )
        words.append(
            {
                "noun": noun,
                "fit": fit,
                "pattern": pattern,
                "material": material,
                "line": TIER_LINES[t],
                "collection": manner.collection,
                "size_range": SIZES[size[place]],
                "mood": manner.mood,
            }
        )
    return words


def _articles(
    product: np.ndarray,
    variant: np.ndarray,
    words: list[dict[str, str]],
    garment: np.ndarray,
    department: np.ndarray,
    colour: np.ndarray,
    start: pd.Timestamp,
) -> pd.DataFrame:
    rows = []
    for p, v, c in zip(product, variant, colour, strict=True):
        word, entry = words[p], GARMENTS[garment[p]]
        size = "" if word["size_range"] == "regular" else word["size_range"].title()
        pattern = "" if word["pattern"] == "plain" else _capital(word["pattern"])
        material = "" if word["material"] in word["noun"].lower() else _capital(word["material"])
        name = [word["line"], size, word["fit"], pattern, material, word["noun"]]
        whom = DEPARTMENTS[department[p]]
        rows.append(
            {
                SKU: f"{100000 + p:06d}-{v + 1:02d}",
                TITLE: f"{' '.join(part for part in name if part)} in {COLOURS[c]}",
                DESCRIPTION: f"{word['fit']} {word['noun'].lower()} for {whom} in {word['pattern']} "
                f"{word['material']}, {COLOURS[c]}. {word['mood']} Made for {entry.purpose}. "
                f"From the {word['collection']} collection.",
                CATEGORY: entry.category,
                COLOUR: COLOURS[c],
                DEPARTMENT: whom,
                "product": f"{100000 + p:06d}",
                "material": word["material"],
                "pattern": word["pattern"],
                "fit": word["fit"],
                "size_range": word["size_range"],
                "collection": word["collection"],
            }
        )
    return pd.DataFrame(rows)


def _capital(words: str) -> str:
    """Raise the first letter and leave the others as the trade writes them."""
    return words[0].upper() + words[1:]
