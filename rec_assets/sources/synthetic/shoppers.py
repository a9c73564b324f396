"""The customers: who they are on paper, and the taste nobody wrote down."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from rec_assets.columns import AGE, COUNTRY, CUSTOMER, GENDER
from rec_assets.sources.synthetic.garments import COLOURS, DEPARTMENTS, GARMENTS, SIZES, STYLES
from rec_assets.sources.synthetic.relations import (
    DEPARTMENT_SHARES,
    FAMILY_KIDS_SHARE,
    GENDERS,
    SEGMENT_SHARES,
    SEGMENTS,
)

FIRST_STYLE, SECOND_STYLE = 3.2, 1.8  # logarithms of how much more they buy of it
FAVOURITE_COLOURS = 3
FAVOURITE_COLOUR = 1.5
CATEGORY_SPREAD = 0.8
OWN_SIZE = 2.5
BASKETS_A_DAY = 0.0115
BASKETS_SPREAD = 0.75
CUSTOMERS_AT_START = 0.35
NEVER_BUY = 0.02
MISSING_AGE, MISSING_COUNTRY, MISSING_GENDER = 0.06, 0.05, 0.04
COUNTRIES = ("DE", "FR", "IT", "NL", "SE")
COUNTRY_SHARES = (0.3, 0.22, 0.2, 0.18, 0.1)
AGES = {"students": (18, 27), "families": (29, 47), "professionals": (26, 60), "connoisseurs": (35, 75)}
GOLD_SHARE = {"students": 0.03, "families": 0.15, "professionals": 0.3, "connoisseurs": 0.75}


@dataclass(frozen=True)
class Shoppers:
    """The customers as arrays of length ``n``, days counted from the first day of sales.

    Parameters
    ----------
    customers
        The canonical table, sorted by customer.
    segment, gender, style, second_style, size
        Indices into the tuples of names.
    favourite_colours
        ``(n, 3)`` indices.
    style_taste, colour_taste, category_taste, size_taste
        ``(n, names)`` logarithms of preference.
    departments
        ``(n, departments)`` shares of what they look for.
    joined
        First day they may buy; negative for customers older than the shop's records.
    rate
        Baskets a day; zero for those who registered and never bought.
    online
        Probability that a basket is bought online.
    """

    customers: pd.DataFrame
    segment: np.ndarray
    gender: np.ndarray
    style: np.ndarray
    second_style: np.ndarray
    size: np.ndarray
    favourite_colours: np.ndarray
    style_taste: np.ndarray
    colour_taste: np.ndarray
    category_taste: np.ndarray
    size_taste: np.ndarray
    departments: np.ndarray
    joined: np.ndarray
    rate: np.ndarray
    online: np.ndarray


def make_shoppers(random: np.random.Generator, n: int, days: int) -> Shoppers:
    """Draw ``n`` customers of a shop whose records span ``days`` days."""
    rows = np.arange(n)
    segment = random.choice(len(SEGMENTS), size=n, p=SEGMENT_SHARES)
    gender = random.choice(len(GENDERS), size=n, p=(0.62, 0.38))
    styles = random.random((n, len(STYLES))).argsort(axis=1)  # an order of preference each
    style_taste = np.zeros((n, len(STYLES)))
    style_taste[rows, styles[:, 0]] = FIRST_STYLE
    style_taste[rows, styles[:, 1]] = SECOND_STYLE

    # Favourite colours come from the palette of the favourite style.
    palettes = np.array([[COLOURS.index(colour) for colour in style.colours] for style in STYLES])
    favourites = random.permuted(palettes[styles[:, 0]], axis=1)[:, :FAVOURITE_COLOURS]
    colour_taste = np.zeros((n, len(COLOURS)))
    colour_taste[rows[:, None], favourites] = FAVOURITE_COLOUR

    size = random.choice(len(SIZES), size=n, p=(0.7, 0.1, 0.1, 0.1))
    size_taste = np.full((n, len(SIZES)), -OWN_SIZE)
    size_taste[:, 0] = 0.0
    size_taste[rows, size] = np.where(size == 0, 0.0, OWN_SIZE)

    departments = DEPARTMENT_SHARES[gender]
    families = segment == SEGMENTS.index("families")
    kids = np.eye(len(DEPARTMENTS))[DEPARTMENTS.index("kids")]
    departments[families] = (1 - FAMILY_KIDS_SHARE) * departments[families] + FAMILY_KIDS_SHARE * kids

    joined = np.where(
        random.random(n) < CUSTOMERS_AT_START, -random.integers(1, 700, n), random.integers(0, days, n)
    )
    rate = BASKETS_A_DAY * random.lognormal(0, BASKETS_SPREAD, size=n)
    rate[random.random(n) < NEVER_BUY] = 0.0
    return Shoppers(
        customers=_customers(random, segment, gender, size),
        segment=segment,
        gender=gender,
        style=styles[:, 0],
        second_style=styles[:, 1],
        size=size,
        favourite_colours=favourites,
        style_taste=style_taste,
        colour_taste=colour_taste,
        category_taste=random.normal(0, CATEGORY_SPREAD, size=(n, len(GARMENTS))),
        size_taste=size_taste,
        departments=departments,
        joined=joined,
        rate=rate,
        online=random.beta(2, 1.2, size=n),
    )


def _customers(
    random: np.random.Generator, segment: np.ndarray, gender: np.ndarray, size: np.ndarray
) -> pd.DataFrame:
    n = len(segment)
    names = np.array(SEGMENTS, dtype=object)[segment]
    spans = np.array([AGES[name] for name in SEGMENTS])[segment]
    age = random.integers(spans[:, 0], spans[:, 1] + 1).astype(float)
    age[random.random(n) < MISSING_AGE] = np.nan
    country = random.choice(np.array(COUNTRIES, dtype=object), size=n, p=COUNTRY_SHARES)
    country[random.random(n) < MISSING_COUNTRY] = None
    stated = np.array(GENDERS, dtype=object)[gender]
    stated[random.random(n) < MISSING_GENDER] = None
    gold = random.random(n) < np.array([GOLD_SHARE[name] for name in names])
    club = random.random(n) < 0.6
    return pd.DataFrame(
        {
            CUSTOMER: [f"C{place:06d}" for place in range(1, n + 1)],
            AGE: age,
            COUNTRY: country,
            GENDER: stated,
            "membership": np.where(gold, "gold", np.where(club, "club", "none")).astype(object),
            "clothing_size": np.array(SIZES, dtype=object)[size],
        }
    )
