"""Training rows of several kinds: the same histories, other answers."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from rec_assets.columns import ANSWERS, CLOSING, KIND, LOSS_FROM
from rec_assets.prompts.answers import Answers, Positions
from rec_assets.prompts.draws import name_keys, uniform
from rec_assets.prompts.render import Block, Integers, chunks, rows_of, within
from rec_assets.prompts.template import Template

NEXT_ITEM = "next_item"
_ROW, _ANSWER = 0, 1  # keep the draws of rows and of answers apart


@dataclass
class Mixture:
    """Renders training rows by shares of kinds, and counts them.

    Parameters
    ----------
    shares
        Share of the rows per kind. A row draws ``u`` in [0, 1) and is rendered for each of ``u, u + 1, …``
        below the sum of shares, with the kind in whose stretch of the line it falls.
    answers
        Gives the answers of a kind.
    seed
        Of the draws.
    """

    shares: dict[str, float]
    answers: Answers
    seed: int
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    purchases: int = 0

    def train_rows(self, block: Block, template: Template, history: int) -> pa.Table:
        """Render the purchases of split train, a row's copies side by side.

        A row whose kind has no answer at any of its places is left out.

        Returns
        -------
        pyarrow.Table
            As :func:`rec_assets.prompts.render.train_rows`, and columns ``answers`` and ``kind``.
        """
        customer, begin, end, loss_from = chunks(block.starts[:-1], block.before(1), history)
        self.purchases += int((end - begin - loss_from).sum())
        keys = name_keys(block.customers)
        nth = np.arange(len(customer)) - np.searchsorted(customer, customer)
        row, copy, kind = self._copies(uniform(self.seed, _ROW, keys[customer], nth))
        positions = _positions(block, customer[row], begin[row], end[row], loss_from[row])
        answer = self._answer(positions, kind, keys[customer[row]], copy)
        said = pd.notna(answer)
        answered = np.bincount(positions.row[said], minlength=len(row))
        self._count(kind, np.bincount(positions.row, minlength=len(row)), answered)

        kept = np.flatnonzero(answered)
        row, kind = row[kept], kind[kept]
        table = rows_of(block, template, customer[row], begin[row], end[row])
        table = table.append_column(CLOSING, pa.array([""] * len(table), pa.string()))
        table = table.append_column(LOSS_FROM, pa.array(loss_from[row], pa.int32()))
        table = table.append_column(ANSWERS, _lists(positions, answer, kept, end[row] - begin[row]))
        names = np.array(list(self.shares), dtype=object)
        return table.append_column(KIND, pa.array(names[kind], pa.string()))

    def _copies(self, drawn: npt.NDArray[np.float64]) -> tuple[Integers, Integers, Integers]:
        """Row, number of the copy, and kind, of every copy of every row."""
        bounds = np.cumsum(list(self.shares.values()))
        points = drawn[:, None] + np.arange(int(np.ceil(bounds[-1])))
        row, copy = np.nonzero(points < bounds[-1])
        return row, copy, np.searchsorted(bounds, points[row, copy], side="right")

    def _answer(
        self, positions: Positions, kind: Integers, keys: npt.NDArray[np.uint64], copy: Integers
    ) -> npt.NDArray[np.object_]:
        answer = np.full(len(positions.place), None, dtype=object)
        for number, name in enumerate(self.shares):
            mine = np.flatnonzero(kind[positions.row] == number)
            if not len(mine):
                continue
            some = positions.take(mine)
            key = (keys[some.row], some.place - some.first, copy[some.row], number)
            draws = (uniform(self.seed, _ANSWER, *key, 0), uniform(self.seed, _ANSWER, *key, 1))
            answer[mine] = self.answers.of_kind(name, some, *draws)
        return answer

    def _count(self, kind: Integers, asked: Integers, answered: Integers) -> None:
        for number, name in enumerate(self.shares):
            mine = kind == number
            counts = self.counts.setdefault(name, dict.fromkeys(("rows", "places", "answers"), 0))
            counts["rows"] += int((answered[mine] > 0).sum())
            counts["places"] += int(asked[mine].sum())
            counts["answers"] += int(answered[mine].sum())


def _positions(
    block: Block, customer: Integers, begin: Integers, end: Integers, loss_from: Integers
) -> Positions:
    """Give the places of the rows that bear loss."""
    bearing = end - begin - loss_from
    row = np.repeat(np.arange(len(begin)), bearing)
    return Positions(
        block=block,
        row=row,
        place=(begin + loss_from)[row] + within(bearing),
        begin=begin[row],
        customer=customer[row],
    )


def _lists(
    positions: Positions, answer: npt.NDArray[np.object_], rows: Integers, lengths: Integers
) -> pa.Array:
    """Lay the answers beside the whole histories of the rows kept, none before the loss begins."""
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    number = np.full(int(positions.row.max(initial=-1)) + 1, -1)
    number[rows] = np.arange(len(rows))
    kept = number[positions.row] >= 0
    flat = np.full(int(offsets[-1]), None, dtype=object)
    flat[offsets[number[positions.row[kept]]] + (positions.place - positions.begin)[kept]] = answer[kept]
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(flat, pa.string()))
