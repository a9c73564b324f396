"""Recommendations for one customer, with the filters a shop asks for."""

import difflib
from collections.abc import Sequence

import pandas as pd
import torch

from rec_assets import columns as c
from rec_assets.errors import CouturierError
from rec_assets.files import read_table
from rec_assets.params import Params
from rec_assets.prompts.questions import question
from rec_assets.ranking.lists import ranked_table
from rec_assets.ranking.loading import load_ranker
from rec_assets.ranking.recommendations import bought
from rec_assets.ranking.sales import sales
from rec_assets.registry.serving import serving_model
from rec_assets.workspace import Workspace


def recommend(
    workspace: Workspace,
    params: Params,
    customer_id: str,
    k: int = 12,
    categories: Sequence[str] | None = None,
    max_price: float | None = None,
    include_seen: bool = False,
) -> pd.DataFrame:
    """Rank the catalogue for one customer with the champion, or the newest model before there is one.

    Parameters
    ----------
    customer_id
        A customer of ``features/behaviour/customers.parquet``.
    k
        Length of the list.
    categories
        Only these; None: all.
    max_price
        Only articles whose median price is known and not above; None: all.
    include_seen
        Whether articles bought before may come back.

    Returns
    -------
    pandas.DataFrame
        ``rank, sku, title, category, colour, price, score``, best first.

    Raises
    ------
    UnknownCustomerError
        When the data does not hold the customer.
    CouturierError
        When a category does not exist, or the filters leave no article.
    """
    torch.set_num_threads(params.run.threads)
    model = serving_model(workspace)
    row = question(workspace, model[0], customer_id)
    articles = read_table(workspace.behaviour / "articles.parquet")
    allowed = _allowed(articles, categories, max_price)
    ranker = load_ranker(*model, params.ranking, sales(workspace, tested=True))
    seen = None if include_seen else bought(workspace, row[c.CUSTOMER])
    tops = ranker.top(row, k, ranker.barred(allowed), seen)
    found = ranked_table(tops, row[c.CUSTOMER], ranker.registry[c.SKU])
    if found.empty:
        raise CouturierError(
            "The filters leave no article.", "Widen --category or --max-price, or add --include-seen."
        )
    titles = read_table(workspace.item_texts, [c.SKU, c.TITLE])
    described = found.merge(titles, on=c.SKU, how="left").merge(
        articles[[c.SKU, c.CATEGORY, c.COLOUR, c.PRICE]], on=c.SKU, how="left"
    )
    return described[[c.RANK, c.SKU, c.TITLE, c.CATEGORY, c.COLOUR, c.PRICE, c.SCORE]]


def _allowed(
    articles: pd.DataFrame, categories: Sequence[str] | None, max_price: float | None
) -> set[str] | None:
    if categories is None and max_price is None:
        return None
    kept = articles
    if categories is not None:
        names = {name.casefold(): name for name in articles[c.CATEGORY].dropna().unique()}
        odd = [category for category in categories if category.casefold() not in names]
        if odd:
            near = difflib.get_close_matches(odd[0].casefold(), list(names), n=5, cutoff=0.0)
            raise CouturierError(
                f"No category {odd[0]!r} in the catalogue.",
                f"Nearest: {', '.join(names[name] for name in near)}.",
            )
        kept = kept[kept[c.CATEGORY].isin([names[category.casefold()] for category in categories])]
    if max_price is not None:
        kept = kept[kept[c.PRICE] <= max_price]
    return set(kept[c.SKU])
