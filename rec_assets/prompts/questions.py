"""Prompts that ask for what is bought next, in the wording that a model knows."""

import difflib
from bisect import bisect
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from rec_assets.columns import CUSTOMER, TIMESTAMP
from rec_assets.errors import UnknownCustomerError
from rec_assets.files import read_json, read_table
from rec_assets.prompts.blocks import customer_blocks
from rec_assets.prompts.render import NO_MONTH, Block, holdout_rows, latest_rows
from rec_assets.prompts.wording import Wording, read_wording
from rec_assets.workspace import Workspace

Question = Literal["validation", "test", "latest"]
QUESTIONS: tuple[Question, ...] = ("validation", "test", "latest")
NEIGHBOURS = 150
Months = dict[Question, int | None]


def questions(
    workspace: Workspace, recommender: Path, kind: Question, customer: str | None = None
) -> pd.DataFrame:
    """Ask a model in the wording it was trained on.

    The newest prompts where they are worded so; rendered anew where the template or the length of histories
    has changed since, which a champion may outlive.

    Parameters
    ----------
    workspace
        Holds prompts, customers and purchases.
    recommender
        The model's folder.
    kind
        Which table of ``data/prompts``.
    customer
        Only this customer's row, none where there is no such customer; None: everybody's.

    Returns
    -------
    pandas.DataFrame
        As ``prompts/KIND.parquet``.

    Raises
    ------
    TableError
        When prompts or the model's wording are missing.
    """
    wording = read_wording(recommender)
    if wording == read_wording(workspace.prompts):
        rows = read_table(workspace.prompts / f"{kind}.parquet")
        return rows if customer is None else rows[rows[CUSTOMER] == customer].reset_index(drop=True)
    windows = read_json(workspace.splits / "windows.json")
    month = prediction_months(workspace.behaviour / "events.parquet", windows)[kind]
    blocks = customer_blocks(
        workspace.behaviour, wording.template, dated=windows["time"] == "date", customer=customer
    )
    tables = [question_rows(block, wording, kind, month) for block in blocks]
    if not tables:
        return read_table(workspace.prompts / f"{kind}.parquet").iloc[:0]
    rendered: pd.DataFrame = pa.concat_tables(tables).to_pandas()
    return rendered


def question(workspace: Workspace, recommender: Path, customer: str) -> pd.DataFrame:
    """Ask a model for one customer, today.

    Returns
    -------
    pandas.DataFrame
        One row of ``prompts/latest.parquet``, in the model's wording.

    Raises
    ------
    UnknownCustomerError
        When the data does not hold the customer.
    """
    known = read_table(workspace.behaviour / "customers.parquet", [CUSTOMER])[CUSTOMER]
    if not (known == customer).any():
        raise UnknownCustomerError(
            f"No customer {customer!r} among {len(known):,}.",
            f"Did you mean {', '.join(_nearest(customer, known))}?",
        )
    return questions(workspace, recommender, "latest", customer)


def question_rows(block: Block, wording: Wording, kind: Question, month: int | None) -> Any:
    """Render the questions of a block of customers, as a table of Arrow."""
    if kind == "latest":
        assert month is not None
        return latest_rows(block, wording.template, wording.history, month)
    split = {"validation": 1, "test": 2}[kind]
    return holdout_rows(block, wording.template, wording.history, split, month)


def prediction_months(events: Path, windows: dict[str, Any]) -> Months:
    """Month counted from year 0 in which each kind of row predicts; none: the held-out purchase's own."""
    if windows["time"] == "order":
        return {"validation": NO_MONTH, "test": NO_MONTH, "latest": NO_MONTH}
    newest: datetime = pc.max(pq.read_table(events, columns=[TIMESTAMP])[TIMESTAMP]).as_py()
    return {
        "validation": _month_of(windows["validation_start"]),
        "test": _month_of(windows["as_of"]),
        "latest": _month(newest.date() + timedelta(days=1)),
    }


def _month_of(day: str | None) -> int | None:
    return _month(date.fromisoformat(day)) if day else None


def _month(day: date) -> int:
    return day.year * 12 + day.month - 1


def _nearest(customer_id: str, known: Iterable[str]) -> list[str]:
    # difflib takes minutes over a million ids; those that begin alike are neighbours in sorted order.
    ordered = sorted(known)
    place = bisect(ordered, customer_id)
    around = ordered[max(0, place - NEIGHBOURS) : place + NEIGHBOURS]
    return difflib.get_close_matches(customer_id, around, n=3, cutoff=0.0)
