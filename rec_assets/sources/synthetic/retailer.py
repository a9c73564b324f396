"""Putting the synthetic retailer together, and cutting it at a date."""

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rec_assets.columns import AVAILABLE, CHANNEL, CUSTOMER, INTRODUCED, PRICE, SKU, TIMESTAMP
from rec_assets.errors import ParamsError
from rec_assets.files import write_json, write_table
from rec_assets.params import Synthetic
from rec_assets.sources.adapter import ARTICLES_FILE, CUSTOMERS_FILE, TRANSACTIONS_FILE
from rec_assets.sources.canonical import ARTICLES, CUSTOMERS, TRANSACTIONS, write_frame
from rec_assets.sources.synthetic.catalogue import Catalogue, make_catalogue
from rec_assets.sources.synthetic.demand import REASONS, simulate
from rec_assets.sources.synthetic.relations import describe_relations
from rec_assets.sources.synthetic.shoppers import Shoppers, make_shoppers
from rec_assets.sources.synthetic.truth import article_truth, customer_truth

OPENING, CLOSING = 9 * 60, 21 * 60  # minutes of the day between which baskets are paid
SALE_MONTHS = (1, 7)
SALE_AGE_DAYS = 60  # articles newer than this are never on sale
SALE_DISCOUNT, CLUB_DISCOUNT = 0.7, 0.9
SALE_SHARE, CLUB_SHARE = 0.5, 0.1


@dataclass(frozen=True)
class Retailer:
    """Canonical tables and the truth about them."""

    transactions: pd.DataFrame
    customers: pd.DataFrame
    articles: pd.DataFrame
    relations: list[dict[str, Any]]
    customer_truth: pd.DataFrame
    article_truth: pd.DataFrame
    purchase_truth: pd.DataFrame

    def write_tables(self, folder: Path) -> None:
        """Write the three canonical tables as Parquet."""
        write_frame(self.transactions, TRANSACTIONS, folder / TRANSACTIONS_FILE)
        write_frame(self.customers, CUSTOMERS, folder / CUSTOMERS_FILE)
        write_frame(self.articles, ARTICLES, folder / ARTICLES_FILE)

    def write_truth(self, folder: Path) -> None:
        """Write the files that :mod:`rec_assets.sources.synthetic.truth` describes."""
        write_json(self.relations, folder / "relations.json")
        write_table(self.customer_truth, folder / CUSTOMERS_FILE)
        write_table(self.article_truth, folder / ARTICLES_FILE)
        write_table(self.purchase_truth, folder / "purchases.parquet")

    def until(self, day: date) -> "Retailer":
        """Give the retailer as its own export would have shown it on the morning of ``day``.

        Purchases, customers and articles from that day on are not there yet; an article retired
        later is still available.

        Raises
        ------
        ParamsError
            When nothing had been sold by then.
        """
        morning = pd.Timestamp(day)
        sold = self.transactions[TIMESTAMP] < morning
        if not sold.any():
            first = self.transactions[TIMESTAMP].min().date()
            raise ParamsError(f"Nothing was sold before {day}.", f"Choose a date after {first}.")
        known = self.customer_truth["registered"] < morning
        listed = self.articles[INTRODUCED] < morning
        articles = self.articles[listed].copy()
        retired = self.article_truth.loc[listed, "retired"]
        articles[AVAILABLE] = ~(retired < morning)
        return replace(
            self,
            transactions=self.transactions[sold].reset_index(drop=True),
            customers=self.customers[known].reset_index(drop=True),
            articles=articles.reset_index(drop=True),
            customer_truth=self.customer_truth[known].reset_index(drop=True),
            article_truth=self.article_truth[listed].reset_index(drop=True),
            purchase_truth=self.purchase_truth[sold].reset_index(drop=True),
        )


def generate(params: Synthetic) -> Retailer:
    """Make the retailer that ``params`` describe; equal parameters give equal tables."""
    start = pd.Timestamp(params.start)
    days = (start + pd.DateOffset(months=params.months) - start).days
    # A stream each: a change in one part of the retailer leaves the draws of the others alone.
    for_catalogue, for_shoppers, for_demand, for_payment = (
        np.random.default_rng(seed) for seed in np.random.SeedSequence(params.seed).spawn(4)
    )
    catalogue = make_catalogue(for_catalogue, params.skus, start, days)
    shoppers = make_shoppers(for_shoppers, params.customers, days)
    purchases = simulate(for_demand, catalogue, shoppers, start, days)
    transactions = _pay(for_payment, catalogue, shoppers, purchases, start)
    truth = transactions[[CUSTOMER, SKU, TIMESTAMP]].assign(
        reason=np.array(REASONS, dtype=object)[transactions["reason"]]
    )
    return Retailer(
        transactions=transactions.drop(columns="reason"),
        customers=shoppers.customers,
        articles=catalogue.articles,
        relations=describe_relations(start, days),
        customer_truth=customer_truth(shoppers, start),
        article_truth=article_truth(catalogue, start),
        purchase_truth=truth,
    )


def _pay(
    random: np.random.Generator,
    catalogue: Catalogue,
    shoppers: Shoppers,
    purchases: pd.DataFrame,
    start: pd.Timestamp,
) -> pd.DataFrame:
    """Turn indices into transactions: one time and channel per basket, one price per article."""
    customer, sku, day = (purchases[name].to_numpy() for name in ("customer", "sku", "day"))
    _, basket = np.unique(day * len(shoppers.rate) + customer, return_inverse=True)
    baskets = int(basket.max(initial=-1)) + 1
    minute = random.integers(OPENING, CLOSING, size=baskets)[basket]
    online = random.random(baskets)[basket] < shoppers.online[customer]
    dates = start + pd.to_timedelta(day, unit="D")
    on_sale = np.isin(dates.month, SALE_MONTHS) & (day - catalogue.introduced[sku] > SALE_AGE_DAYS)
    luck = random.random(len(sku))
    discount = np.where(luck < CLUB_SHARE, CLUB_DISCOUNT, 1.0)
    discount[on_sale & (luck < SALE_SHARE)] = SALE_DISCOUNT
    transactions = pd.DataFrame(
        {
            CUSTOMER: shoppers.customers[CUSTOMER].to_numpy()[customer],
            SKU: catalogue.articles[SKU].to_numpy()[sku],
            TIMESTAMP: (dates + pd.to_timedelta(minute, unit="min")).astype("datetime64[us]"),
            PRICE: np.round(catalogue.price[sku] * discount, 2),
            CHANNEL: np.where(online, "online", "store").astype(object),
            "reason": purchases["reason"].to_numpy(),
        }
    )
    return transactions.sort_values([TIMESTAMP, CUSTOMER, SKU], kind="stable", ignore_index=True)
