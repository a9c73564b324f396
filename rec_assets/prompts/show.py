"""A prompt as a person can read it."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from rec_assets.columns import (
    ANSWERS,
    CLOSING,
    CUSTOMER,
    HEADER,
    HISTORY,
    KIND,
    MOMENTS,
    SKU,
    TARGETS,
    TITLE,
    UNKNOWN,
)
from rec_assets.errors import TableError, UnknownCustomerError
from rec_assets.files import read_table
from rec_assets.workspace import Workspace


def prompt_text(row: Mapping[str, Any]) -> str:
    """Join a prompt row as the model reads it after its start token, each SKU as ``<sku:ID>``.

    A moment stands one SKU early, as :class:`rec_assets.vocabulary.token_rows.RowEncoder` announces it: each
    answer is read off the SKU before it, and its month has been said by then.

    Examples
    --------
    >>> row = {"header": "male", "moments": ["May", ""], "history": ["7", "9"], "closing": "June"}
    >>> prompt_text(row)
    'male May <sku:7> June <sku:9>'
    """
    announced = [*row[MOMENTS], row[CLOSING]]
    parts = [row[HEADER], announced[0]]
    for moment, sku in zip(announced[1:], row[HISTORY], strict=True):
        parts += [moment, f"<sku:{sku}>"]
    return " ".join(part for part in parts if part)


def show_prompt(workspace: Workspace, customer_id: str, *, rows: str = "latest", titles: bool = False) -> str:
    """Give a customer's prompts, as ``couturier show-prompt`` prints them.

    Parameters
    ----------
    rows
        Which table: ``train`` (perhaps several rows), ``validation``, ``test`` or ``latest``.
    titles
        Also list each SKU of the prompt with its title.

    Raises
    ------
    TableError
        When the prompts have not been rendered.
    UnknownCustomerError
        When that table has no row for the customer.
    """
    path = workspace.prompts / f"{rows}.parquet"
    if not path.exists():
        raise TableError(f"{path} does not exist.", "Run the pipeline first: couturier run.")
    found = pq.read_table(path, filters=[(CUSTOMER, "==", customer_id)]).to_pylist()
    if not found:
        raise UnknownCustomerError(
            f"No {rows} prompt for customer {customer_id!r}.",
            f"Take a customer_id from {workspace.relative(workspace.behaviour / 'customers.parquet')}.",
        )
    lines = []
    for row in found:
        lines.append(prompt_text(row))
        if row.get(TARGETS):
            lines.append("to predict: " + " ".join(f"<sku:{sku}>" for sku in row[TARGETS]))
        if row.get(ANSWERS):
            told = ["-" if sku is None else f"<sku:{sku}>" for sku in row[ANSWERS]]
            lines.append(f"to predict in the places of its SKUs ({row[KIND]}): " + " ".join(told))
    if titles:
        lines += _titles(workspace, [sku for row in found for sku in (*row[HISTORY], *row.get(TARGETS, ()))])
    return "\n".join(lines)


def _titles(workspace: Workspace, skus: list[str]) -> list[str]:
    shown = pd.unique(pd.Series(skus, dtype="object"))
    named = read_table(workspace.item_texts, [SKU, TITLE]).set_index(SKU)[TITLE]
    return [f"<sku:{sku}>  {named.get(sku, UNKNOWN)}" for sku in shown]
