"""New SKUs and new customers: what a trained model knows of them, and the simple rules it has to beat."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from harness.judged import AS_OF, CUTOFFS, Flags, judge_lists, parts
from rec_assets import columns as c
from rec_assets.baselines.data import Floats, Integers, Purchases, read_purchases
from rec_assets.baselines.lists import best
from rec_assets.baselines.rules import Popular, RecentlyPopular
from rec_assets.baselines.titles import TitleNeighbours
from rec_assets.evaluation.holdout import Holdout, read_holdout
from rec_assets.evaluation.lists import Lists
from rec_assets.files import read_table
from rec_assets.params import read_params
from rec_assets.prompts.without_history import without_history
from rec_assets.ranking.one_pass import OnePassRanker
from rec_assets.ranking.sales import sales
from rec_assets.recommender.arrivals import arrivals_of, order_of_coming
from rec_assets.workspace import Workspace

NEW_SKUS, EMPTIED, NO_HISTORY = "new SKUs", "new customers: histories withheld", "new customers: none at all"
DEPTH = max(CUTOFFS)
POWER = (
    6  # of title cosines beside arrivals; of 1, 3 and 6 the best on H&M's test windows, in the rule's favour
)


def newcomer_pairs(model: str, here: Workspace, seed: int) -> dict[str, pd.DataFrame]:
    """Judge a trained workspace and the rules on newcomers.

    New SKUs are the articles nobody bought before ``as_of``: they alone are candidates, and what customers
    bought of them counts. New customers are the test customers asked with their purchases withheld, from the
    header's attributes and the month alone; and those among them who really had none.

    Returns
    -------
    dict
        By task, rows as :func:`~harness.judged.judge_lists` gives them, with ``as_of``.
    """
    holdout = read_holdout(here, None, 0)
    data = read_purchases(here)
    masks = parts(holdout)
    ranker = OnePassRanker.load(
        here.recommender, here.base_model, here.vocabulary, read_params(here.params_file).ranking
    )
    prompts = read_table(here.prompts / "test.parquet").sort_values(c.CUSTOMER, ignore_index=True)
    new = holdout.articles[c.PURCHASES].to_numpy() == 0
    found = {
        NEW_SKUS: _judge(
            {
                model: recommended(ranker, prompts, holdout, new),
                **listed(new_sku_rules(data, here, seed), data, new),
            },
            holdout,
            {"never_bought": masks["never_bought"]},
        )
    }
    every = np.ones(len(holdout.articles), bool)
    lists = {
        model: recommended(ranker, without_history(prompts), holdout, every),
        **listed(new_customer_rules(data, here), data, every),
    }
    for task, mask in ((EMPTIED, masks["unmasked"]), (NO_HISTORY, ~masks["with_history"])):
        found[task] = _judge(lists, holdout, {"unmasked": mask})
    return found


def recommended(ranker: OnePassRanker, prompts: pd.DataFrame, holdout: Holdout, allowed: Flags) -> Integers:
    """Give the model's lists ``(U, 100)`` as places in the catalogue, of articles of an ``(I,)`` mask."""
    assert prompts[c.CUSTOMER].tolist() == holdout.customers.index.tolist()
    barred = ranker.barred(set(holdout.articles.index[allowed]), retired=False)
    place = holdout.articles.index.get_indexer(pd.Index(ranker.registry[c.SKU]))
    items = np.full((len(prompts), DEPTH), -1, np.int64)
    for top in ranker.top(prompts, DEPTH, barred):
        items[top.place, : len(top.skus)] = place[top.skus]
    return items


def listed(scores: Mapping[str, Floats], data: Purchases, allowed: Flags) -> dict[str, Integers]:
    """Cut scores ``(U, I)`` to lists ``(U, 100)``; where a rule has no opinion, popularity fills."""
    found = {}
    for name, rows in scores.items():
        items = np.full((len(rows), DEPTH), -1, np.int64)
        for row, own in enumerate(rows):
            skus = best(own, allowed, data.popular_order, DEPTH).skus
            items[row, : len(skus)] = skus
        found[name] = items
    return found


def new_sku_rules(data: Purchases, here: Workspace, seed: int) -> dict[str, Floats]:
    """Score SKUs that nobody bought, by chance, by category, by title, and these two weighed by arrivals.

    The product weighs SKUs never sold by when others came that were first sold of late; nothing keeps a rule
    from doing the same. Cosines are raised to :data:`POWER` first, which a softmax does in its way.
    """
    customers, random = data.test_customers, np.random.default_rng(seed)
    neighbours = TitleNeighbours()
    neighbours.fit(data)
    shape = (len(customers), len(data.skus))
    titles, categories = neighbours.score(customers), _popular_in_category(data, here, random)
    skus = pd.Series(data.skus)
    articles = read_table(here.behaviour / "articles.parquet", [c.SKU, c.INTRODUCED])
    came = order_of_coming(skus, articles)
    arrivals = arrivals_of(sales(here, tested=False), skus, came).numpy()
    return {
        "random": random.random(shape, np.float32),
        "popular_in_category": categories,
        "popular_in_category, arrivals": _weighed(categories, arrivals),
        "title_knn": titles,
        "title_knn, arrivals": _weighed(titles, np.sqrt(arrivals), POWER),
    }


def _weighed(scores: Floats, weights: Floats, power: int = 1) -> Floats:
    """Multiply positive scores ``(U, I)`` by weights ``(I,)``; what has none of either keeps no opinion."""
    with np.errstate(invalid="ignore"):
        weighed = np.where(scores > 0, scores, 0.0) ** power * weights
    return np.where(weighed > 0, weighed, -np.inf).astype(np.float32)


def _popular_in_category(data: Purchases, here: Workspace, random: np.random.Generator) -> Floats:
    """Popularity within the customer's own mix of categories, for SKUs that have none of their own.

    A new SKU inherits the sales of its namesakes, the same garment in other colours, and one: its share of
    its category's, times the customer's share of purchases in the category. Ties are broken by chance.
    Customers without purchases have everybody's mix.
    """
    titles = read_table(here.item_texts, [c.SKU, c.TITLE]).set_index(c.SKU)[c.TITLE].reindex(data.skus)
    code = pd.factorize(titles.fillna(""))[0]
    sales = np.bincount(code, weights=data.popularity)[code] + 1.0
    size = int(data.categories.max()) + 1
    share = sales / np.bincount(data.categories, weights=sales, minlength=size)[data.categories]
    share *= 1 + 1e-6 * random.random(len(share))
    everybody = np.bincount(data.categories, weights=data.popularity, minlength=size)
    scores = np.empty((len(data.test_customers), len(data.skus)), np.float32)
    for row, customer in zip(scores, data.test_customers.tolist(), strict=True):
        own = np.bincount(data.categories[data.history(customer)], minlength=size)
        mix = own if own.any() else everybody
        row[:] = (mix / mix.sum())[data.categories] * share
    return np.where(scores > 0, scores, -np.inf).astype(np.float32)


def new_customer_rules(data: Purchases, here: Workspace) -> dict[str, Floats]:
    """Score the catalogue for somebody of whom only the age is known; history is not read."""
    customers = data.test_customers
    popular, recent = Popular(), RecentlyPopular(read_params(here.params_file).baselines.recent_days)
    popular.fit(data)
    recent.fit(data)
    features = read_table(here.behaviour / "customers.parquet", [c.CUSTOMER, c.AGE_BAND])
    bands = features.set_index(c.CUSTOMER)[c.AGE_BAND].reindex(data.customers).fillna(c.UNKNOWN)
    band, names = pd.factorize(bands)
    by_band = np.zeros((len(names), len(data.skus)), np.float32)
    np.add.at(by_band, (band[data.customer], data.sku), 1.0)
    # Everybody's purchases break ties within a group, and speak where it bought nothing.
    by_band += data.popularity.astype(np.float32) / (1.0 + data.popularity.sum())
    return {
        "popular": popular.score(customers),
        "recently_popular": recent.score(customers),
        "popular_in_age_group": by_band[band[customers]],
    }


def _judge(lists: Mapping[str, Integers], holdout: Holdout, masks: Mapping[str, Flags]) -> pd.DataFrame:
    frames = [judge_lists(Lists(name, False, items), holdout, masks) for name, items in lists.items()]
    judged = pd.concat(frames, ignore_index=True)
    judged.insert(0, AS_OF, str(holdout.windows["as_of"]))
    return judged
