"""Stage ``neighbours``: similar articles, similar customers, clusters of interest."""

from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from rec_assets.columns import CUSTOMER, SKU, TEXT, TITLE
from rec_assets.features.neighbours import similar_customers as people
from rec_assets.features.neighbours import similar_items as items
from rec_assets.features.neighbours import tables as t
from rec_assets.features.neighbours.nearest import nearest
from rec_assets.features.neighbours.own_lists import own_list
from rec_assets.features.neighbours.purchases import Bought, read_bought
from rec_assets.files import atomic_folder, read_table
from rec_assets.params import Params
from rec_assets.pipeline import StageReport
from rec_assets.workspace import Workspace

_FROM_NEIGHBOURS = 50  # SKUs listed for a customer from similar ones
_OF_CLUSTER = 200  # SKUs listed for a cluster


def run(workspace: Workspace, params: Params) -> StageReport:
    """Write the tables of :mod:`rec_assets.features.neighbours.tables` from the training purchases.

    Raises
    ------
    TableError
        When nothing was bought before the validation window, or a customer's own list lacks a column.
    """
    bought = read_bought(workspace.behaviour / "events.parquet")
    texts = read_table(workspace.item_texts).set_index(SKU).reindex(bought.skus)
    with threadpool_limits(params.run.threads), atomic_folder(workspace.neighbours) as folder:
        similar = _items(bought, texts[TEXT].fillna("").tolist(), params, folder)
        rows = {t.SIMILAR_ITEMS: len(similar), **_customers(bought, params, folder)}
        rows |= _own_lists(workspace, bought, folder)
    titles = texts[TITLE].to_numpy()
    first = similar.drop_duplicates(SKU).head(10)
    examples = pd.DataFrame(
        {
            "article": titles[first[SKU].to_numpy(np.int64)],
            "most similar": titles[first[t.SIMILAR_SKU].to_numpy(np.int64)],
            t.TOGETHER: first[t.TOGETHER].to_numpy(),
            t.IN_WORDS: first[t.IN_WORDS].to_numpy(),
        }
    )
    return StageReport(
        summary=f"{similar[SKU].nunique():,} of {len(bought.skus):,} sold articles have similar ones; "
        f"{len(bought.customers):,} customers in {rows['clusters']:,} clusters of interest.",
        rows=rows,
        tables={"similar articles": examples},
    )


def _items(bought: Bought, texts: list[str], params: Params, folder: Path) -> pd.DataFrame:
    settings, seed = params.behaviour.neighbours, params.run.seed
    together = items.bought_together(bought.matrix, settings.similar_items)
    in_words = items.alike_in_words(
        texts, settings.similar_items, settings.dimensions, settings.exact_rows, seed
    )
    similar = items.similar_items(together, in_words, settings.similar_items)
    columns: dict[str, t.Column] = {
        name: (bought.skus, similar[name].to_numpy(np.int64)) for name in (SKU, t.SIMILAR_SKU)
    }
    columns |= {name: similar[name].to_numpy(np.float64) for name in (t.TOGETHER, t.IN_WORDS, t.WEIGHT)}
    t.write_columns(columns, folder / f"{t.SIMILAR_ITEMS}.parquet")
    return similar


def _customers(bought: Bought, params: Params, folder: Path) -> dict[str, int]:
    settings, seed = params.behaviour.neighbours, params.run.seed
    vectors = people.customer_vectors(bought.matrix, settings.dimensions, seed)
    similar = nearest(vectors, settings.similar_customers, settings.exact_rows, seed)
    theirs = people.from_similar_customers(bought.matrix, similar, _FROM_NEIGHBOURS)
    cluster = people.interest_clusters(vectors, settings.interest_clusters, seed)
    popular = people.cluster_articles(bought.matrix, cluster, _OF_CLUSTER)
    everyone = np.arange(len(cluster))
    written: dict[str, dict[str, t.Column]] = {
        t.SIMILAR_CUSTOMERS: {
            CUSTOMER: (bought.customers, similar.one),
            t.SIMILAR_CUSTOMER: (bought.customers, similar.other),
            t.SIMILARITY: similar.value,
        },
        t.FROM_SIMILAR_CUSTOMERS: {
            CUSTOMER: (bought.customers, theirs.one),
            SKU: (bought.skus, theirs.other),
            t.WEIGHT: theirs.value.astype(np.float64),
        },
        t.INTEREST_CLUSTERS: {CUSTOMER: (bought.customers, everyone), t.INTEREST_CLUSTER: cluster},
        t.CLUSTER_ARTICLES: {
            t.INTEREST_CLUSTER: popular.one,
            SKU: (bought.skus, popular.other),
            t.WEIGHT: popular.value.astype(np.float64),
        },
    }
    rows = {name: t.write_columns(columns, folder / f"{name}.parquet") for name, columns in written.items()}
    return {**rows, "clusters": int(cluster.max()) + 1}


def _own_lists(workspace: Workspace, bought: Bought, folder: Path) -> dict[str, int]:
    rows = {}
    for name in (t.WISH_LIST, t.OWN_BASKET):
        path = workspace.validated / f"{name}.parquet"
        if path.exists():
            listed = own_list(path, workspace.behaviour / "events.parquet", bought)
            columns: dict[str, t.Column] = {
                column: (names, pd.Index(names).get_indexer(pd.Index(listed[column])).astype(np.int64))
                for column, names in ((CUSTOMER, bought.customers), (SKU, bought.skus))
            }
            columns[t.WEIGHT] = np.ones(len(listed))
            rows[name] = t.write_columns(columns, folder / f"{name}.parquet")
    return rows
