"""Basket suggestions: sampled chains of one customer's next purchases, put together."""

import pandas as pd
import torch

from rec_assets import columns as c
from rec_assets.errors import CouturierError
from rec_assets.files import read_table
from rec_assets.generation.chains import Sampling
from rec_assets.generation.merge import merge_chains
from rec_assets.generation.samplers import load_sampler
from rec_assets.params import Params
from rec_assets.prompts.questions import question
from rec_assets.ranking.recommendations import bought
from rec_assets.registry.serving import serving_model
from rec_assets.workspace import Workspace

VOTES = "chains"


def suggest_basket(
    workspace: Workspace,
    params: Params,
    customer_id: str,
    k: int = 12,
    sampling: Sampling | None = None,
    include_seen: bool = False,
    seed: int | None = None,
) -> pd.DataFrame:
    """Suggest what one customer may put together, with the champion, or the newest model before there is one.

    Parameters
    ----------
    customer_id
        A customer of ``features/behaviour/customers.parquet``.
    k
        Length of the list; shorter where the chains hold fewer SKUs.
    sampling
        Number, length and temper of the chains; None: four chains of ten SKUs.
    include_seen
        Whether articles bought before may come back.
    seed
        Of the chains; None: ``run.seed``.

    Returns
    -------
    pandas.DataFrame
        ``rank, sku, title, category, colour, price, chains, score``, best first; ``chains`` counts those that
        hold the SKU.

    Raises
    ------
    UnknownCustomerError
        When the data does not hold the customer.
    CouturierError
        When no article is left.
    """
    torch.set_num_threads(params.run.threads)
    model = serving_model(workspace)
    row = question(workspace, model[0], customer_id)
    sampler = load_sampler(*model, params.ranking)
    seen = None if include_seen else bought(workspace, row[c.CUSTOMER])
    listed = set(read_table(workspace.behaviour / "articles.parquet", [c.SKU])[c.SKU])
    drawn = sampler.chains(
        row, sampling or Sampling(), params.run.seed if seed is None else seed, sampler.barred(listed), seen
    )
    skus, scores, votes = (values[0] for values in merge_chains(drawn, k))
    found = skus >= 0
    if not found.any():
        raise CouturierError("No article is left to suggest.", "Add --include-seen.")
    basket = pd.DataFrame(
        {
            c.SKU: sampler.registry[c.SKU].to_numpy()[skus[found]],
            VOTES: votes[found],
            c.SCORE: scores[found],
        }
    )
    basket[c.RANK] = range(1, len(basket) + 1)
    titles = read_table(workspace.item_texts, [c.SKU, c.TITLE])
    articles = read_table(workspace.behaviour / "articles.parquet", [c.SKU, c.CATEGORY, c.COLOUR, c.PRICE])
    basket = basket.merge(titles, on=c.SKU, how="left").merge(articles, on=c.SKU, how="left")
    return basket[[c.RANK, c.SKU, c.TITLE, c.CATEGORY, c.COLOUR, c.PRICE, VOTES, c.SCORE]]
