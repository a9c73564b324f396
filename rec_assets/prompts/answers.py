"""What a place in a training row may have to answer, by kind."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from rec_assets.columns import CUSTOMER, SKU
from rec_assets.errors import ParamsError
from rec_assets.features.neighbours import tables as t
from rec_assets.files import read_table
from rec_assets.prompts.pools import Names, Pool, read_pool
from rec_assets.prompts.render import Block, Integers

BASKET = 5  # newest purchases shown that similar articles are looked up for
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Positions:
    """Places of training rows that bear loss, all arrays ``(P,)``.

    Parameters
    ----------
    block
        The purchases.
    row
        The row each belongs to.
    place
        The purchase, in the block, that comes there.
    begin
        The first purchase its row shows.
    customer
        The customer, in the block.
    """

    block: Block
    row: Integers
    place: Integers
    begin: Integers
    customer: Integers

    def take(self, chosen: Integers) -> "Positions":
        """Keep some of them."""
        return Positions(
            self.block, self.row[chosen], self.place[chosen], self.begin[chosen], self.customer[chosen]
        )

    @property
    def first(self) -> Integers:
        """The customer's first purchase in the block."""
        return self.block.starts[self.customer]


class Answers:
    """Answers drawn from what came next, or from the tables of stage ``neighbours``.

    Parameters
    ----------
    neighbours
        Their folder.
    kinds
        Those asked for; the others' tables are not read.
    dated
        Whether timestamps tell dates, without which no visit can be told.

    Raises
    ------
    ParamsError
        When a kind is asked for that this retailer's data cannot give.
    """

    def __init__(self, neighbours: Path, kinds: list[str], *, dated: bool) -> None:
        if "next_basket" in kinds and not dated:
            raise ParamsError(
                "prompts.targets.next_basket is above 0, but this source tells only the order of purchases.",
                "Set prompts.targets.next_basket: 0.",
            )
        self._pools: dict[str, Pool] = {
            kind: read_pool(neighbours / f"{table}.parquet", kind, owner, sku, t.WEIGHT)
            for kind, (table, owner, sku) in _TABLES.items()
            if kind in kinds
        }
        if "interest_cluster" in kinds:
            known = read_table(neighbours / f"{t.INTEREST_CLUSTERS}.parquet")
            self._customers = pa.array(known[CUSTOMER], pa.string())
            self._cluster = np.append(known[t.INTEREST_CLUSTER].to_numpy(np.int64), -1)

    def of_kind(self, kind: str, positions: Positions, draw: Floats, second: Floats) -> Names:
        """Give an SKU for each position, None where there is none.

        Parameters
        ----------
        draw, second
            Numbers in [0, 1) for each position.
        """
        block = positions.block
        if kind == "next_item":
            return _skus(block, positions.place)
        if kind == "next_basket":
            # What is shown of the visit already is no answer; the order within a visit means nothing.
            left = _visit_ends(block)[positions.place] - positions.place
            return _skus(block, positions.place + (draw * left).astype(np.int64))
        pool = self._pools[kind]
        if kind == "similar_items":
            shown = np.minimum(positions.place - positions.begin, BASKET)
            bought = positions.place - 1 - (second * shown).astype(np.int64)
            owner = np.where(shown > 0, pool.place(block.skus)[np.maximum(bought, 0)], -1)
        elif kind == "interest_cluster":
            place = pc.fill_null(pc.index_in(block.customers, self._customers), -1).to_numpy()
            owner = pool.place(pa.array(self._cluster[place]))[positions.customer]
        else:
            owner = pool.place(block.customers)[positions.customer]
        return pool.draw(owner, draw)


_TABLES = {
    "similar_items": (t.SIMILAR_ITEMS, SKU, t.SIMILAR_SKU),
    "similar_customers": (t.FROM_SIMILAR_CUSTOMERS, CUSTOMER, SKU),
    "interest_cluster": (t.CLUSTER_ARTICLES, t.INTEREST_CLUSTER, SKU),
    "wish_list": (t.WISH_LIST, CUSTOMER, SKU),
    "own_basket": (t.OWN_BASKET, CUSTOMER, SKU),
}


def _skus(block: Block, place: Integers) -> Names:
    found: Names = block.skus.take(pa.array(place)).to_numpy(zero_copy_only=False).astype(object)
    return found


def _visit_ends(block: Block) -> Integers:
    """Give ``(E,)`` where the visit of each purchase ends: the customer's purchases of one day and split."""
    if not len(block.days):
        return np.empty(0, np.int64)
    owner = np.repeat(np.arange(len(block.starts) - 1), np.diff(block.starts))
    other = (np.diff(owner) != 0) | (np.diff(block.days) != 0) | (np.diff(block.splits) != 0)
    visit = np.concatenate([[0], np.cumsum(other)])
    ends = np.append(np.flatnonzero(other) + 1, len(block.days))
    return ends[visit]
