"""Pools that answers are drawn from: each owner's SKUs with their weights."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from rec_assets.errors import ParamsError, TableError

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Names = npt.NDArray[np.object_]


@dataclass(frozen=True)
class Pool:
    """Weighted SKUs by owner: a customer, an SKU, or a cluster.

    Parameters
    ----------
    owners
        ``(O,)`` Arrow array of owners, sorted.
    starts
        ``(O + 1,)`` where each owner's entries begin.
    skus
        ``(K,)`` codes of the SKUs in ``names``.
    names
        SKUs.
    reach
        ``(K + 1,)`` sums of the weights before each entry.
    """

    owners: Any
    starts: Integers
    skus: Integers
    names: Names
    reach: Floats

    def place(self, owners: Any) -> Integers:
        """Give the place of each owner (Arrow array), -1 where it has no entries."""
        found: Integers = pc.fill_null(pc.index_in(owners, self.owners), -1).to_numpy().astype(np.int64)
        return found

    def draw(self, owner: Integers, uniform: Floats) -> Names:
        """Draw an SKU for each owner by weight; None for owner -1.

        Parameters
        ----------
        owner
            ``(P,)`` places of owners.
        uniform
            ``(P,)`` in [0, 1).
        """
        drawn = np.full(len(owner), None, dtype=object)
        has = owner >= 0
        begin, end = self.starts[owner[has]], self.starts[owner[has] + 1]
        aim = self.reach[begin] + uniform[has] * (self.reach[end] - self.reach[begin])
        entry = np.clip(np.searchsorted(self.reach, aim, side="right") - 1, begin, end - 1)
        drawn[has] = self.names[self.skus[entry]]
        return drawn


def read_pool(path: Path, kind: str, owner: str, sku: str, weight: str) -> Pool:
    """Read a table of stage ``neighbours``, sorted by owner.

    Raises
    ------
    ParamsError
        When the retailer has no such table.
    TableError
        When its owners are not in order.
    """
    if not path.exists():
        raise ParamsError(
            f"prompts.targets.{kind} is above 0, but {path} does not exist.",
            f"Run stage neighbours; if this retailer has no {kind}, set prompts.targets.{kind}: 0.",
        )
    text = [name for name in (owner, sku) if pa.types.is_string(pq.read_schema(path).field(name).type)]
    table = pq.read_table(path, columns=[owner, sku, weight], read_dictionary=text).unify_dictionaries()
    owners, number = _coded(table[owner])
    names, skus = _coded(table[sku])
    if (np.diff(number) < 0).any():
        raise TableError(f"{path} is not in order of {owner}.", "Run stage neighbours again.")
    return Pool(
        owners=owners,
        starts=np.searchsorted(number, np.arange(len(owners) + 1)).astype(np.int64),
        skus=skus,
        names=np.array(names.to_pylist(), dtype=object),
        reach=np.concatenate([[0.0], np.cumsum(table[weight].to_numpy())]),
    )


def _coded(column: Any) -> tuple[Any, Integers]:
    """Distinct values in order of appearance, and each row's place in them."""
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode().unify_dictionaries()
    if not column.num_chunks:
        return pa.array([], column.type.value_type), np.empty(0, np.int64)
    codes = np.concatenate([chunk.indices.to_numpy() for chunk in column.chunks])
    return column.chunk(0).dictionary, codes.astype(np.int64)
