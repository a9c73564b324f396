"""How far everybody's demand tells a held-out purchase, beside the trained model."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor
from tqdm import tqdm

from rec_assets import columns as c
from rec_assets.files import read_json, read_table
from rec_assets.prompts.without_history import without_history
from rec_assets.recommender.arrivals import arrivals_of, order_of_coming
from rec_assets.recommender.batches import LengthBatches
from rec_assets.recommender.bought import bought_last
from rec_assets.recommender.demand import HALF_LIVES, Demand, fit_weights, group_of, popular_of
from rec_assets.recommender.last_states import last_states
from rec_assets.recommender.model import SkuLanguageModel
from rec_assets.training.items import Items
from rec_assets.vocabulary.token_rows import TokenRow
from rec_assets.workspace import Workspace

Integers = npt.NDArray[np.int64]


@torch.no_grad()
def measure_demand(
    workspace: Workspace, model: SkuLanguageModel, items: Items, prompts: pd.DataFrame, batch_tokens: int
) -> Demand:
    """Weigh model and popularity on held-out purchases of SKUs new to the customer.

    Weights are found with what is counted in training purchases; what is given back is counted in all
    purchases before the test window. How much is known of somebody without a past is asked of every customer,
    the past withheld. Where every customer's own last purchases are held out, one customer's past is the
    future of another: only the popularity at all times counts there, and training purchases alone.

    Parameters
    ----------
    model
        Trained.
    items
        Of the vocabulary.
    prompts
        Of the validation window.
    batch_tokens
        Budget of a forward pass.

    Returns
    -------
    Demand
        Without weights where SKUs are words of id tokens, or nothing new to its customer was held out.
    """
    if items.tokens is not None or prompts.empty:
        return Demand()
    skus = items.registry[c.SKU]
    events = read_table(workspace.behaviour / "events.parquet", [c.SKU, c.TIMESTAMP, c.SPLIT])
    by_time = read_json(workspace.splits / "windows.json")["as_of"] is not None
    half_lives = HALF_LIVES if by_time else HALF_LIVES[-1:]
    articles = read_table(workspace.behaviour / "articles.parquet", [c.SKU, c.INTRODUCED])
    came = order_of_coming(skus, articles)

    def counted(purchases: pd.DataFrame) -> Demand:
        return Demand(
            popular_of(purchases, skus, half_lives),
            arrivals=arrivals_of(purchases, skus, came),
            came=torch.from_numpy(came),
        )

    demand = counted(events[events[c.SPLIT] == "train"])
    index = pd.Index(skus)
    asked = items.encoder.encode(prompts)
    wanted = [
        np.setdiff1d(index.get_indexer(basket), bought_last(row.ids, model.words)).astype(np.int64)
        for basket, row in zip(prompts[c.TARGETS], asked, strict=True)
    ]
    if not any(map(len, wanted)):
        return Demand()
    told, groups, worth = [], [], []
    was_training = model.training
    model.eval()
    for rows in (asked, items.encoder.encode(without_history(prompts))):
        bought = [bought_last(row.ids, model.words) for row in rows]
        for batch, scores in _scores(model, rows, batch_tokens):
            past, new = [bought[place] for place in batch], [wanted[place] for place in batch]
            told.append(demand.told(scores, past, new).cpu().double().numpy())
            baskets = np.array([len(basket) for basket in new])
            groups.append(np.repeat(group_of([len(known) for known in past]), baskets))
            worth.append(np.repeat(1 / baskets.clip(1), baskets))
    model.train(was_training)
    weights = fit_weights(*(np.concatenate(parts) for parts in (told, groups, worth)))
    if by_time:
        demand = counted(events[events[c.SPLIT] != "test"])
    return replace(demand, weights=weights)


def _scores(
    model: SkuLanguageModel, rows: Sequence[TokenRow], batch_tokens: int
) -> Iterator[tuple[list[int], Tensor]]:
    device = model.device
    exact = torch.autocast(device.type, enabled=False)
    with exact:
        head = model.head()  # (n, d)
    batches = LengthBatches([len(row.ids) for row in rows], batch_tokens, seed=None)
    for batch in tqdm(batches, desc="weighing demand", unit="batch", leave=False):
        states = last_states(model, [rows[place] for place in batch])
        with exact:
            yield batch, states @ head.T
