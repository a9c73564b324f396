"""The relations planted in the synthetic retailer: one definition for demand and for the truth file."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from rec_assets.sources.synthetic.garments import BY_CATEGORY, COLOURS, DEPARTMENTS, GARMENTS, TIERS

MONTHS = {"winter": (11, 12, 1, 2), "summer": (5, 6, 7, 8)}
IN_SEASON = 4.0  # times the demand of the months between seasons
OUT_OF_SEASON = 0.2

NEW_ARRIVAL_DAYS = 28
NEW_ARRIVAL_BOOST = 6.0  # on the first day, fading with NEW_ARRIVAL_DAYS

REPEAT_DAYS = (21, 70)
REPEAT_PROBABILITY = 0.4

SEGMENTS = ("students", "families", "professionals", "connoisseurs")
SEGMENT_SHARES = (0.3, 0.3, 0.28, 0.12)
TIER_WEIGHTS = np.array([[0.75, 0.22, 0.03], [0.45, 0.48, 0.07], [0.1, 0.65, 0.25], [0.03, 0.27, 0.7]])
GENDERS = ("female", "male")
# Shares of women, men and kids in what a customer looks for; the families buy for children too.
DEPARTMENT_SHARES = np.array([[0.93, 0.05, 0.02], [0.05, 0.93, 0.02]])
FAMILY_KIDS_SHARE = 0.4


@dataclass(frozen=True)
class Complement:
    """Bought within ``days`` after its trigger, with this probability, in a matching style and colour."""

    trigger: str
    complement: str
    days: int
    probability: float


COMPLEMENTS = (
    Complement("Belts", "Trousers", 10, 0.6),
    Complement("Ties", "Shirts", 10, 0.6),
    Complement("Swimwear", "Sandals", 14, 0.5),
    Complement("Coats", "Scarves", 14, 0.5),
    Complement("Sportswear", "Sneakers", 12, 0.4),
    Complement("Dresses", "Bags", 7, 0.35),
)


@dataclass(frozen=True)
class Trend:
    """From a known day on, everything in a category or colour sells ``multiplier`` times as much."""

    name: str
    column: str  # category or colour
    value: str
    at: float  # share of the period gone by
    multiplier: float

    def day(self, days: int) -> int:
        """Give its first day, counted from the start of a period of ``days``."""
        return round(self.at * days)


TRENDS = (
    Trend("burgundy rises", "colour", "burgundy", 0.35, 3.0),
    Trend("jeans fade", "category", "Jeans", 0.5, 0.35),
    Trend("hoodies rise", "category", "Hoodies", 0.65, 2.5),
    Trend("beige fades", "colour", "beige", 0.75, 0.3),
    Trend("olive rises", "colour", "olive", 0.85, 3.0),
)


def season_boost(months: np.ndarray) -> np.ndarray:
    """Give the logarithm of each garment's demand by month.

    Parameters
    ----------
    months
        ``(m,)`` calendar months, 1 to 12.

    Returns
    -------
    numpy.ndarray
        ``(m, garments)``; zero for what is worn all year, and between the seasons.
    """
    boost = np.zeros((len(months), len(GARMENTS)))
    for place, garment in enumerate(GARMENTS):
        if garment.climate == "all year":
            continue
        other = "summer" if garment.climate == "winter" else "winter"
        boost[np.isin(months, MONTHS[garment.climate]), place] = np.log(IN_SEASON)
        boost[np.isin(months, MONTHS[other]), place] = np.log(OUT_OF_SEASON)
    return boost


def trend_boosts(days: int) -> tuple[np.ndarray, np.ndarray]:
    """Give the logarithms of the trends in force: ``(days, garments)`` and ``(days, colours)``."""
    categories = np.zeros((days, len(GARMENTS)))
    colours = np.zeros((days, len(COLOURS)))
    for trend in TRENDS:
        if trend.column == "category":
            categories[trend.day(days) :, BY_CATEGORY[trend.value]] += np.log(trend.multiplier)
        else:
            colours[trend.day(days) :, COLOURS.index(trend.value)] += np.log(trend.multiplier)
    return categories, colours


def describe_relations(start: pd.Timestamp, days: int) -> list[dict[str, Any]]:
    """List every planted relation with what is needed to check it."""
    relations: list[dict[str, Any]] = [
        {
            "name": f"{climate} garments",
            "kind": "season",
            "months": list(months),
            "categories": [garment.category for garment in GARMENTS if garment.climate == climate],
            "multiplier": IN_SEASON,
            "off_season_multiplier": OUT_OF_SEASON,
        }
        for climate, months in MONTHS.items()
    ]
    relations += [
        {
            "name": f"{pair.trigger} → {pair.complement}",
            "kind": "complement",
            "trigger_category": pair.trigger,
            "complement_category": pair.complement,
            "days": pair.days,
            "probability": pair.probability,
        }
        for pair in COMPLEMENTS
    ]
    relations += [
        {
            "name": f"{segment} buy {TIERS[int(np.argmax(weights))]}",
            "kind": "price_tier",
            "segment": segment,
            "tier": TIERS[int(np.argmax(weights))],
            "weights": dict(zip(TIERS, weights.tolist(), strict=True)),
        }
        for segment, weights in zip(SEGMENTS, TIER_WEIGHTS, strict=True)
    ]
    relations += [
        {
            "name": f"{gender} customers buy {department}",
            "kind": "department",
            "gender": gender,
            "department": department,
            "probability": float(DEPARTMENT_SHARES[place, place]),
        }
        for place, (gender, department) in enumerate(zip(GENDERS, DEPARTMENTS[:2], strict=True))
    ]
    relations.append(
        {
            "name": "families buy kids",
            "kind": "department",
            "segment": "families",
            "department": "kids",
            "probability": FAMILY_KIDS_SHARE,
        }
    )
    relations.append(
        {
            "name": "basics are bought again",
            "kind": "repeat",
            "categories": [garment.category for garment in GARMENTS if garment.basic],
            "days": list(REPEAT_DAYS),
            "probability": REPEAT_PROBABILITY,
        }
    )
    relations += [
        {
            "name": trend.name,
            "kind": "trend",
            trend.column: trend.value,
            "from": (start + pd.Timedelta(days=trend.day(days))).date().isoformat(),
            "multiplier": trend.multiplier,
        }
        for trend in TRENDS
    ]
    relations.append(
        {
            "name": "new arrivals sell",
            "kind": "new_arrivals",
            "days": NEW_ARRIVAL_DAYS,
            "multiplier": NEW_ARRIVAL_BOOST,
        }
    )
    return relations
