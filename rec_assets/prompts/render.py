"""Prompt rows from sequences: vectorised, for one block of customers at a time.

A block's purchases are flat arrays, ordered by customer and position. A row is a customer and a range of that
array, so rendering is arithmetic on ranges: the work is linear in the number of SKUs written.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from rec_assets.columns import CLOSING, CUSTOMER, HEADER, HISTORY, LOSS_FROM, MOMENTS, TARGETS
from rec_assets.prompts.template import Template

Integers = npt.NDArray[np.int64]
NO_MONTH = -1  # where timestamps tell only an order, no moment is said


@dataclass(frozen=True)
class Block:
    """Some customers and all their purchases.

    Parameters
    ----------
    customers
        ``(C,)`` ids, sorted.
    headers
        ``(C,)`` header texts.
    skus
        ``(E,)`` SKUs, ordered by customer and position.
    months
        ``(E,)`` months counted from year 0, or :data:`NO_MONTH`.
    starts
        ``(C + 1,)`` where each customer's purchases begin; the last entry is ``E``.
    splits
        ``(E,)`` 0 train, 1 validation, 2 test, never falling within a customer.
    days
        ``(E,)`` days, of whatever beginning; none needed where no visit has to be told.
    """

    customers: Any
    headers: Any
    skus: Any
    months: Integers
    starts: Integers
    splits: Integers
    days: Integers = field(default_factory=lambda: np.empty(0, np.int64))

    def before(self, split: int) -> Integers:
        """Give ``(C,)`` the place in the block where each customer's purchases before ``split`` end."""
        earlier = np.concatenate([[0], np.cumsum(self.splits < split)])
        return self.starts[:-1] + earlier[self.starts[1:]] - earlier[self.starts[:-1]]


def chunks(starts: Integers, ends: Integers, history: int) -> tuple[Integers, Integers, Integers, Integers]:
    """Cut each customer's purchases into rows of at most ``history``, every purchase bearing loss once.

    The first row ends after ``history`` purchases, each following row half of that later, the last with the
    last purchase. A row shows the ``history`` purchases up to its end; those the row before it has shown
    already are context.

    Parameters
    ----------
    starts, ends
        ``(C,)`` range of each customer's purchases; an empty range gives no row.
    history
        Most purchases a row shows.

    Returns
    -------
    tuple of arrays
        Customer, start, end and ``loss_from`` (counted from the row's start) of each row.

    Examples
    --------
    >>> _, begin, end, loss_from = chunks(np.array([0]), np.array([7]), history=4)
    >>> list(zip(begin.tolist(), end.tolist(), loss_from.tolist()))
    [(0, 4, 0), (2, 6, 2), (3, 7, 3)]
    """
    stride = history - history // 2
    length = ends - starts
    rows = np.where(length == 0, 0, 1 + np.ceil(np.maximum(length - history, 0) / stride).astype(np.int64))
    customer = np.repeat(np.arange(len(starts)), rows)
    nth = within(rows)
    end = np.minimum(starts[customer] + history + nth * stride, ends[customer])
    begin = np.maximum(starts[customer], end - history)
    seen_until = np.where(nth == 0, starts[customer], starts[customer] + history + (nth - 1) * stride)
    return customer, begin, end, seen_until - begin


def train_rows(block: Block, template: Template, history: int) -> Any:
    """Render the purchases of split train; ``loss_from`` is where a row's loss begins."""
    customer, begin, end, loss_from = chunks(block.starts[:-1], block.before(1), history)
    table = rows_of(block, template, customer, begin, end)
    table = table.append_column(CLOSING, pa.array([""] * len(table), pa.string()))
    return table.append_column(LOSS_FROM, pa.array(loss_from, pa.int32()))


def holdout_rows(block: Block, template: Template, history: int, split: int, month: int | None) -> Any:
    """Render a row with ``targets`` for every customer who bought in ``split``.

    Parameters
    ----------
    split
        1 validation, 2 test. The history ends before the customer's first purchase in it.
    month
        Month the prediction is made in, always said: a visit to come. None: the held-out purchase's own
        month, said as before any purchase, only where it is another than the last one shown.
    """
    until, last = block.before(split), block.before(split + 1)
    customer = np.flatnonzero(last > until)
    until, last = until[customer], last[customer]
    begin = np.maximum(block.starts[customer], until - history)
    if month is None:
        months = block.months[until]
        said = (until == begin) | (months != block.months[until - 1])
    else:
        months, said = np.full(len(customer), month), np.full(len(customer), True)
    table = rows_of(block, template, customer, begin, until)
    table = table.append_column(CLOSING, _month_texts(template.closings(), months, said))
    return table.append_column(TARGETS, _baskets(block, until, last))


def latest_rows(block: Block, template: Template, history: int, month: int) -> Any:
    """Render a row for every customer from all they bought, to predict what comes next."""
    end = block.starts[1:]
    begin = np.maximum(block.starts[:-1], end - history)
    table = rows_of(block, template, np.arange(len(end)), begin, end)
    closings = _month_texts(template.closings(), np.full(len(end), month), np.full(len(end), True))
    return table.append_column(CLOSING, closings)


def within(counts: Integers) -> Integers:
    """Count 0, 1, 2 … within each group of ``counts``."""
    return np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)


def rows_of(block: Block, template: Template, customer: Integers, begin: Integers, end: Integers) -> Any:
    """Render a row for each range ``begin`` to ``end`` of the block's purchases, without loss and closing."""
    lengths = end - begin
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32())
    place = np.repeat(begin, lengths) + within(lengths)  # (sum of lengths,) into the block's purchases
    month = block.months[place]
    first = within(lengths) == 0
    # The first purchase shown always says its month: after trimming, nothing before it does.
    said = first | (month != np.roll(month, 1))
    return pa.table(
        {
            CUSTOMER: block.customers.take(pa.array(customer)),
            HEADER: block.headers.take(pa.array(customer)),
            MOMENTS: pa.ListArray.from_arrays(offsets, _month_texts(template.moments(), month, said)),
            HISTORY: pa.ListArray.from_arrays(offsets, block.skus.take(pa.array(place))),
        }
    )


def _month_texts(texts: tuple[str, ...], month: Integers, said: npt.NDArray[np.bool_]) -> Any:
    spoken = said & (month != NO_MONTH)
    return pa.array([*texts, ""], pa.string()).take(pa.array(np.where(spoken, month % 12, 12)))


def _baskets(block: Block, begin: Integers, end: Integers) -> Any:
    """Distinct SKUs of each range, in order of purchase."""
    lengths = end - begin
    place = np.repeat(begin, lengths) + within(lengths)
    row = np.repeat(np.arange(len(begin)), lengths)
    codes = block.skus.take(pa.array(place)).dictionary_encode().indices.to_numpy()
    pairs = row * (int(codes.max(initial=0)) + 1) + codes
    _, first = np.unique(pairs, return_index=True)
    kept = np.sort(first)
    offsets = np.concatenate([[0], np.cumsum(np.bincount(row[kept], minlength=len(begin)))])
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), block.skus.take(pa.array(place[kept])))
