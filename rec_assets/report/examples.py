"""A few customers with their history and list, as a shop would show them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rec_assets.columns import (
    AGE_BAND,
    CATEGORY,
    COLOUR,
    COUNTRY,
    CUSTOMER,
    GENDER,
    INTRODUCED,
    POSITION,
    PRICE,
    PURCHASES,
    RANK,
    SEGMENT,
    SKU,
    TIMESTAMP,
    TITLE,
    UNKNOWN,
)
from rec_assets.files import read_table
from rec_assets.workspace import Workspace

_NEW_DAYS = 28
_BEST_SELLERS = 0.02  # of the catalogue
_TAGS = 2


@dataclass(frozen=True)
class Card:
    """One article as a card.

    ``tags`` say what kind of suggestion it is; for a history card, ``when`` is the date of purchase.
    """

    sku: str
    title: str
    category: str
    colour: str
    price: float | None
    tags: tuple[str, ...] = ()
    when: str | None = None


@dataclass(frozen=True)
class Example:
    """One customer: who, what they bought (newest first), what they are shown (best first)."""

    customer: str
    who: tuple[str, ...]
    history: tuple[Card, ...]
    purchases: int
    listed: tuple[Card, ...]


def read_examples(
    workspace: Workspace, titles: Path, *, customers: int, history: int, listed: int, seed: int
) -> list[Example]:
    """Choose customers and lay out their cards.

    Parameters
    ----------
    workspace
        Where the artefacts lie.
    titles
        A table with ``sku`` and ``title``.
    customers
        How many: seeded, one segment after the other, preferring three or more purchases; where there is
        a customer without any, the last one is such a newcomer.
    history, listed
        Cards shown of each kind.
    seed
        Of the choice.
    """
    lists = read_table(workspace.recommendations / "lists.parquet", [CUSTOMER, SKU, RANK])
    columns = [CUSTOMER, SKU, TIMESTAMP, POSITION, PRICE]
    events = read_table(workspace.behaviour / "events.parquet", columns)
    features = read_table(workspace.behaviour / "customers.parquet").set_index(CUSTOMER)
    articles = read_table(workspace.behaviour / "articles.parquet").set_index(SKU)
    articles[TITLE] = read_table(titles, [SKU, TITLE]).drop_duplicates(SKU).set_index(SKU)[TITLE]

    bought = events[CUSTOMER].value_counts()
    listed_customers = sorted(lists[CUSTOMER].unique())
    chosen = choose(listed_customers, bought, features.get(SEGMENT, pd.Series(dtype=str)), customers, seed)
    newest = events[TIMESTAMP].max()
    best = set(articles[PURCHASES].nlargest(max(1, int(len(articles) * _BEST_SELLERS))).index)
    shelf = Shelf(articles, best, newest)
    events = events[events[CUSTOMER].isin(chosen)].sort_values([CUSTOMER, POSITION])
    lists = lists[lists[CUSTOMER].isin(chosen)].sort_values([CUSTOMER, RANK])
    examples = []
    for customer in chosen:
        past = events[events[CUSTOMER] == customer]
        top = lists.loc[lists[CUSTOMER] == customer, SKU].head(listed)
        examples.append(
            Example(
                customer=customer,
                who=attributes(features, customer),
                history=tuple(shelf.past(row) for row in past.iloc[::-1].head(history).itertuples()),
                purchases=len(past),
                listed=tuple(shelf.suggestion(sku, past[SKU]) for sku in top),
            )
        )
    return examples


def choose(
    customers: Sequence[str], bought: pd.Series, segments: pd.Series, number: int, seed: int
) -> list[str]:
    """Choose customers: seeded, segments in turn, long histories first, one newcomer at the end."""
    frame = pd.DataFrame({CUSTOMER: customers})
    frame = frame.iloc[np.random.default_rng(seed).permutation(len(frame))].reset_index(drop=True)
    frame[PURCHASES] = frame[CUSTOMER].map(bought).fillna(0)
    frame[SEGMENT] = frame[CUSTOMER].map(segments).fillna(UNKNOWN).astype(str)
    frame["few"] = frame[PURCHASES] < 3
    frame["turn"] = frame.groupby(["few", SEGMENT]).cumcount()
    newcomers = frame.loc[frame[PURCHASES] == 0, CUSTOMER].head(1).tolist() if number > 1 else []
    known = frame[frame[PURCHASES] > 0].sort_values(["few", "turn", SEGMENT], kind="stable")
    return [*known[CUSTOMER].head(number - len(newcomers)), *newcomers]


def attributes(features: pd.DataFrame, customer: str) -> tuple[str, ...]:
    """Say who a customer is, leaving out what is unknown."""
    if customer not in features.index:
        return ()
    row = features.loc[customer]
    stated = [str(row[name]) for name in (GENDER, AGE_BAND, COUNTRY) if name in row and pd.notna(row[name])]
    return tuple(dict.fromkeys(value for value in stated if value != UNKNOWN))


@dataclass(frozen=True)
class Shelf:
    """The catalogue that cards are made from."""

    articles: pd.DataFrame
    best: set[str]
    newest: pd.Timestamp

    def card(self, sku: str, price: float | None, tags: tuple[str, ...], when: str | None) -> Card:
        """Make a card; an article without a title shows its SKU."""
        row = self.articles.loc[sku] if sku in self.articles.index else pd.Series(dtype=object)
        text = {
            name: str(row.get(name)) if pd.notna(row.get(name)) else "" for name in (TITLE, CATEGORY, COLOUR)
        }
        shown: Any = price if pd.notna(price) else row.get(PRICE)
        return Card(
            sku=sku,
            title=text[TITLE] or sku,
            category="" if text[CATEGORY] == UNKNOWN else text[CATEGORY],
            colour="" if text[COLOUR] == UNKNOWN else text[COLOUR],
            price=None if shown is None or pd.isna(shown) else float(shown),
            tags=tags,
            when=when,
        )

    def past(self, event: Any) -> Card:
        """Make the card of a purchase; data that have an order but no time show no date."""
        timed = event.timestamp.year > 1970
        return self.card(event.sku, event.price, (), f"{event.timestamp:%Y-%m-%d}" if timed else None)

    def suggestion(self, sku: str, past: pd.Series) -> Card:
        """Make the card of a listed article, with what a shop would tag it with."""
        row = self.articles.loc[sku] if sku in self.articles.index else pd.Series(dtype=object)
        introduced = row.get(INTRODUCED)
        own = set(self.articles[CATEGORY].reindex(past)) - {UNKNOWN}
        again = sku in set(past)
        tags = {
            "bought before": again,
            "new in": pd.notna(introduced) and introduced >= self.newest - pd.Timedelta(days=_NEW_DAYS),
            "best-seller": sku in self.best,
            f"more {row.get(CATEGORY)}": row.get(CATEGORY) in own and not again,
        }
        return self.card(sku, None, tuple(name for name, holds in tags.items() if holds)[:_TAGS], None)
