"""The purchases, day by day: who opens a basket, and what ends up in it."""

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from tqdm import tqdm

from rec_assets.sources.synthetic.catalogue import Catalogue
from rec_assets.sources.synthetic.garments import BY_CATEGORY, DEPARTMENTS, GARMENTS, TIERS
from rec_assets.sources.synthetic.relations import (
    COMPLEMENTS,
    NEW_ARRIVAL_BOOST,
    NEW_ARRIVAL_DAYS,
    REPEAT_DAYS,
    REPEAT_PROBABILITY,
    TIER_WEIGHTS,
    Complement,
    season_boost,
    trend_boosts,
)
from rec_assets.sources.synthetic.shoppers import Shoppers

REASONS = ("taste", "complement", "repeat", "chance")
TASTE, COMPLEMENT, REPEAT, CHANCE = range(len(REASONS))
CHANCE_SHARE = 0.06  # of the articles taken without regard to taste
EXTRA_ARTICLES = 0.75  # in a basket beyond the first, on average
FADING_AFTER_DAYS, FADING_DAYS = 150, 200  # how a garment that is no basic goes out of fashion
OWNED = -3.0  # nobody needs the same coat twice
MATCHING_STYLE, MATCHING_COLOUR = 2.0, 1.5  # of a complement with what it completes
OUT_OF_REACH = -40.0  # in place of minus infinity: a shop of one article still sells it
CELLS = 4_000_000  # of a score matrix at a time: 32 MB
WEEKDAYS = np.array([0.8, 0.8, 0.85, 0.95, 1.15, 1.35, 1.1])  # Monday first
MONTH_WEIGHTS = np.array([0.95, 0.85, 0.95, 1, 1.05, 1, 1.05, 0.9, 1, 1, 1.2, 1.3])
GROWTH = (0.6, 1.5)  # of baskets per customer, from the first day to the last


@dataclass
class _Orders:
    """Articles wanted on one day: one entry per article, in every list."""

    customer: list[int] = field(default_factory=list)
    reason: list[int] = field(default_factory=list)
    sku: list[int] = field(default_factory=list)  # what is bought again, or what is being completed
    category: list[int] = field(default_factory=list)  # of a complement

    def add(self, customer: int, reason: int, sku: int = -1, category: int = -1) -> None:
        self.customer.append(customer)
        self.reason.append(reason)
        self.sku.append(sku)
        self.category.append(category)


def simulate(
    random: np.random.Generator, catalogue: Catalogue, shoppers: Shoppers, start: pd.Timestamp, days: int
) -> pd.DataFrame:
    """Let the shop run for ``days`` days.

    Returns
    -------
    pandas.DataFrame
        ``customer``, ``sku`` (indices), ``day``, ``reason``; in order of day and customer.
    """
    dates = start + pd.to_timedelta(np.arange(days), unit="D")
    months = dates.month.to_numpy()
    season = season_boost(months)  # (days, garments)
    category_trend, colour_trend = trend_boosts(days)
    traffic = WEEKDAYS[dates.dayofweek] * MONTH_WEIGHTS[months - 1] * np.linspace(*GROWTH, days)
    static = _static_scores(catalogue)
    tier_taste = _tier_taste(catalogue)[shoppers.segment]  # (customers, tiers)

    basic = np.array([garment.basic for garment in GARMENTS])[catalogue.garment]
    complements = {BY_CATEGORY[pair.trigger]: pair for pair in COMPLEMENTS}
    owned: dict[int, list[int]] = defaultdict(list)
    planned: dict[int, _Orders] = defaultdict(_Orders)
    bought: list[tuple[np.ndarray, ...]] = []
    for day in tqdm(range(days), desc="synthetic purchases", unit="day"):
        orders = planned.pop(day, _Orders())
        _open_baskets(random, shoppers, day, traffic[day], orders)
        if not orders.customer:
            continue
        today = static + season[day, catalogue.garment] + _novelty(catalogue, day, basic)
        today += category_trend[day, catalogue.garment] + colour_trend[day, catalogue.colour]
        today[(catalogue.introduced > day) | (catalogue.retired <= day)] = 2 * OUT_OF_REACH
        customer = np.array(orders.customer)
        reason = np.array(orders.reason)
        sku = _choose(random, catalogue, shoppers, tier_taste, today, orders, owned)
        # One of each in a basket.
        _, first = np.unique(customer * len(basic) + sku, return_index=True)
        sold = first[today[sku[first]] > OUT_OF_REACH]
        customer, sku, reason = customer[sold], sku[sold], reason[sold]
        bought.append((customer, sku, np.full(len(sku), day), reason))
        _plan(random, catalogue, complements, basic, day, customer, sku, planned, owned)
    columns = ("customer", "sku", "day", "reason")
    if not bought:
        return pd.DataFrame({name: np.zeros(0, dtype=np.int64) for name in columns})
    return pd.DataFrame(
        dict(zip(columns, map(np.concatenate, zip(*bought, strict=True)), strict=True)), columns=columns
    )


def _open_baskets(
    random: np.random.Generator, shoppers: Shoppers, day: int, traffic: float, orders: _Orders
) -> None:
    chance = -np.expm1(-shoppers.rate * traffic)
    opens = (random.random(len(chance)) < chance) & (shoppers.joined <= day)
    opens |= (shoppers.joined == day) & (shoppers.rate > 0)
    baskets = np.flatnonzero(opens)
    articles = 1 + random.poisson(EXTRA_ARTICLES, size=len(baskets))
    customer = np.repeat(baskets, articles)
    by_chance = random.random(len(customer)) < CHANCE_SHARE
    for entry, free in zip(customer.tolist(), by_chance.tolist(), strict=True):
        orders.add(entry, CHANCE if free else TASTE)


def _static_scores(catalogue: Catalogue) -> np.ndarray:
    """Appeal, corrected so that a category's demand does not grow with how many articles it has."""
    weight = np.array([garment.weight for garment in GARMENTS])[catalogue.garment]
    pairs = catalogue.garment * len(DEPARTMENTS) + catalogue.department
    supply = np.bincount(pairs)[pairs]
    return catalogue.appeal + np.log(weight) - 0.5 * np.log(supply)


def _tier_taste(catalogue: Catalogue) -> np.ndarray:
    """Logarithms that make each segment buy the tiers in its planted shares, whatever the supply."""
    supply = np.bincount(catalogue.tier, minlength=len(TIERS)) + 1.0
    return np.log(TIER_WEIGHTS) - np.log(supply / supply.sum())


def _novelty(catalogue: Catalogue, day: int, basic: np.ndarray) -> np.ndarray:
    age = np.maximum(day - catalogue.introduced, 0)
    boost = np.log1p((NEW_ARRIVAL_BOOST - 1) * np.exp(-age / NEW_ARRIVAL_DAYS))
    fading = np.where(basic, 0.0, np.maximum(age - FADING_AFTER_DAYS, 0) / FADING_DAYS)
    return boost - fading


def _choose(
    random: np.random.Generator,
    catalogue: Catalogue,
    shoppers: Shoppers,
    tier_taste: np.ndarray,
    today: np.ndarray,
    orders: _Orders,
    owned: dict[int, list[int]],
) -> np.ndarray:
    """Draw one SKU per order: the Gumbel-max trick draws in proportion to exp(score)."""
    customers, reasons = np.array(orders.customer), np.array(orders.reason)
    given, categories = np.array(orders.sku), np.array(orders.category)
    chosen = given.copy()  # what is bought again needs no choice
    shares = shoppers.departments.cumsum(axis=1)
    department = (random.random(len(customers))[:, None] > shares[customers]).sum(axis=1).clip(0, 2)
    department = np.where(reasons == COMPLEMENT, catalogue.department[given], department)
    selling = today > OUT_OF_REACH
    for place in range(len(DEPARTMENTS)):
        # A department without articles sends its customers to the whole shop.
        shelf = np.flatnonzero(selling & (catalogue.department == place))
        shelf = shelf if len(shelf) else np.arange(len(today))
        wanted = np.flatnonzero((reasons != REPEAT) & (department == place))
        step = max(1, CELLS // len(shelf))
        for begin in range(0, len(wanted), step):
            rows = wanted[begin : begin + step]
            score = _taste(catalogue, shoppers, tier_taste, customers[rows], shelf)
            score[reasons[rows] == CHANCE] = 0.0
            score += today[shelf]
            for row, order in enumerate(rows.tolist()):
                if reasons[order] == COMPLEMENT:
                    trigger = given[order]
                    score[row] += MATCHING_STYLE * (catalogue.style[shelf] == catalogue.style[trigger])
                    score[row] += MATCHING_COLOUR * (catalogue.colour[shelf] == catalogue.colour[trigger])
                    score[row, catalogue.garment[shelf] != categories[order]] += OUT_OF_REACH
                if mine := owned[customers[order]]:
                    held = np.searchsorted(shelf, mine).clip(max=len(shelf) - 1)
                    score[row, held[shelf[held] == mine]] += OWNED
            score -= np.log(random.standard_exponential(score.shape))
            chosen[rows] = shelf[score.argmax(axis=1)]
    return chosen


def _taste(
    catalogue: Catalogue,
    shoppers: Shoppers,
    tier_taste: np.ndarray,
    customers: np.ndarray,
    shelf: np.ndarray,
) -> np.ndarray:
    """Score ``(customers, shelf)``: what each customer thinks of each article, whatever the date."""
    return (
        shoppers.style_taste[customers][:, catalogue.style[shelf]]
        + shoppers.colour_taste[customers][:, catalogue.colour[shelf]]
        + shoppers.category_taste[customers][:, catalogue.garment[shelf]]
        + shoppers.size_taste[customers][:, catalogue.size[shelf]]
        + tier_taste[customers][:, catalogue.tier[shelf]]
    )


def _plan(
    random: np.random.Generator,
    catalogue: Catalogue,
    complements: dict[int, Complement],
    basic: np.ndarray,
    day: int,
    customer: np.ndarray,
    sku: np.ndarray,
    planned: dict[int, _Orders],
    owned: dict[int, list[int]],
) -> None:
    """Remember what was bought, and note what it will lead to."""
    luck = random.random((len(sku), 2))
    for who, what, (chance, when) in zip(customer.tolist(), sku.tolist(), luck.tolist(), strict=True):
        if basic[what]:
            if chance < REPEAT_PROBABILITY:
                first, last = REPEAT_DAYS
                planned[day + first + int(when * (last - first + 1))].add(who, REPEAT, what)
            continue
        owned[who].append(what)
        pair = complements.get(int(catalogue.garment[what]))
        if pair is not None and chance < pair.probability:
            later = day + 1 + int(when * pair.days)
            planned[later].add(who, COMPLEMENT, what, BY_CATEGORY[pair.complement])
