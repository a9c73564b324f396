"""Basket suggestions: sampled chains of one customer's next purchases, put together."""

import pandas as pd
import torch

from rec_assets import columns as c
from rec_assets.errors import CouturierError, UnknownCustomerError
from rec_assets.files import read_table
from rec_assets.generation.chains import Sampling, sample_chains
from rec_assets.generation.decoding import CachedDecoder
from rec_assets.generation.id_model import padded
from rec_assets.generation.item_tokens import Ints, SkuTokens
from rec_assets.generation.merge import merge_chains
from rec_assets.generation.trie import Trie
from rec_assets.params import Params
from rec_assets.ranking.one_pass import OnePassRanker
from rec_assets.ranking.recommendations import bought
from rec_assets.recommender.batches import LengthBatches, collate, last_positions
from rec_assets.registry.serving import serving_model
from rec_assets.workspace import Workspace

VOTES = "chains"


class ChainSampler(OnePassRanker):
    """Samples SKUs from the recommender one after the other, each read before the next is drawn."""

    def chains(
        self,
        prompts: pd.DataFrame,
        sampling: Sampling,
        seed: int,
        barred: torch.Tensor,
        masked: list[list[str]] | None = None,
    ) -> Ints:
        """Draw chains for every prompt.

        Parameters
        ----------
        prompts
            Rows of ``prompts/*.parquet``.
        sampling
            Number, length and temper of the chains.
        seed
            Of every draw; the same prompts and seed give the same chains.
        barred
            ``(n,)``: SKUs that no chain may hold.
        masked
            For each prompt, further SKUs its chains may not hold.

        Returns
        -------
        numpy.ndarray
            ``(B, chains, length)``: ``sku_index``, none twice in a chain; -1 where no SKU was left.
        """
        device = self._head.device
        tokens = SkuTokens(len(self.registry))
        trie = Trie(tokens.codes, tokens.size, ~barred.numpy()).to(device)
        decoder = CachedDecoder.of_items(self._model, self._head.T)
        generator = torch.Generator(device).manual_seed(seed)
        rows = self._encoder.encode(prompts)
        drawn = torch.full((len(rows), sampling.chains, sampling.length), -1)
        budget = max(1, self._batch_tokens // sampling.chains)
        for batch in LengthBatches([len(row.ids) for row in rows], budget, seed=None):
            chosen = [rows[place] for place in batch]
            ids = collate(chosen)["input_ids"].to(device)
            lengths = (last_positions(chosen) + 1).to(device)
            seen = None if masked is None else padded([self.indices(masked[at]) for at in batch]).to(device)
            drawn[batch] = sample_chains(decoder, trie, ids, lengths, sampling, generator, seen).cpu()
        return drawn.numpy()


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
        A customer of ``prompts/latest.parquet``.
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
    prompts = read_table(workspace.prompts / "latest.parquet")
    row = prompts[prompts[c.CUSTOMER] == customer_id].reset_index(drop=True)
    if row.empty:
        raise UnknownCustomerError(
            f"No customer {customer_id!r} among {len(prompts):,}.",
            f"Take a customer_id from {workspace.relative(workspace.behaviour / 'customers.parquet')}.",
        )
    sampler = ChainSampler.load(*serving_model(workspace), params.ranking.batch_tokens)
    assert isinstance(sampler, ChainSampler)
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
