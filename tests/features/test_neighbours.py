"""Neighbours: worked out by hand on a few purchases, and the same whatever comes later."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array

from rec_assets.errors import TableError
from rec_assets.evaluation import splits
from rec_assets.features import behaviour, item_texts
from rec_assets.features.neighbours import stage
from rec_assets.features.neighbours.nearest import Pairs, nearest
from rec_assets.features.neighbours.similar_customers import (
    cluster_articles,
    from_similar_customers,
    interest_clusters,
)
from rec_assets.features.neighbours.similar_items import (
    SHRINK,
    alike_in_words,
    bought_together,
    similar_items,
)
from rec_assets.files import content_hash, read_json, read_table, write_table
from rec_assets.params import Params
from rec_assets.workspace import Workspace

PARAMS = Params.model_validate({"behaviour": {"neighbours": {"interest_clusters": 4}}})
LEAVE_ONE_OUT = Params.model_validate({"splits": {"strategy": "leave_one_out"}})
# Customer 0 bought articles 0 and 1, customer 1 the same and article 2, customer 2 only article 3.
MATRIX = csr_array(np.array([[1, 1, 0, 0], [1, 1, 1, 0], [0, 0, 0, 1]], np.float32))


def made(workspace: Workspace, params: Params = PARAMS) -> dict[str, pd.DataFrame]:
    for step in (splits.run, item_texts.run, behaviour.run, stage.run):
        step(workspace, params)
    return {path.stem: read_table(path) for path in sorted(workspace.neighbours.glob("*.parquet"))}


def triples(pairs: Pairs) -> list[tuple[int, int, float]]:
    return list(
        zip(
            pairs.one.tolist(), pairs.other.tolist(), pairs.value.astype(float).round(4).tolist(), strict=True
        )
    )


def test_articles_of_the_same_customers_are_alike() -> None:
    best, less = 2 / (2 + SHRINK), 1 / (2**0.5 + SHRINK)
    assert triples(bought_together(MATRIX, 2)) == [
        (0, 1, pytest.approx(best, abs=1e-4)),
        (0, 2, pytest.approx(less, abs=1e-4)),
        (1, 0, pytest.approx(best, abs=1e-4)),
        (1, 2, pytest.approx(less, abs=1e-4)),
        (2, 0, pytest.approx(less, abs=1e-4)),
        (2, 1, pytest.approx(less, abs=1e-4)),
    ]
    assert [pair[:2] for pair in triples(bought_together(MATRIX, 1))] == [(0, 1), (1, 0), (2, 0)]


def test_articles_in_the_same_words_are_alike() -> None:
    found = alike_in_words(["red hat", "red scarf", "", "blue hat red"], 1, 64, 100, seed=7)
    assert [pair[:2] for pair in triples(found)] == [(0, 3), (1, 0), (3, 0)]
    assert not len(alike_in_words(["", ""], 1, 64, 100, seed=7).one)


def test_both_lists_of_an_article_count_by_their_ranks() -> None:
    def pairs(*rows: tuple[int, int, float]) -> Pairs:
        one, other, value = zip(*rows, strict=True)
        return Pairs(np.array(one), np.array(other), np.array(value, np.float32))

    merged = similar_items(pairs((0, 1, 0.2), (0, 2, 0.1)), pairs((0, 2, 0.9), (0, 3, 0.8), (1, 0, 0.7)), 2)
    assert merged[["sku", "similar_sku", "weight"]].to_numpy().tolist() == [[0, 2, 1.5], [0, 1, 1], [1, 0, 1]]
    assert merged["together"].round(4).tolist() == [0.1, 0.2, 0]


def test_cells_find_almost_all_that_a_full_comparison_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    vectors = random.normal(size=(8, 16))[random.integers(0, 8, 600)] + 0.3 * random.normal(size=(600, 16))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    exact = nearest(vectors, 5, exact_rows=600, seed=7)
    assert len(exact.one) == 3000
    assert (exact.one != exact.other).all()

    monkeypatch.setattr("rec_assets.features.neighbours.nearest._CELL", 75)
    quick = nearest(vectors, 5, exact_rows=599, seed=7)
    same = set(zip(exact.one, exact.other, strict=True)) & set(zip(quick.one, quick.other, strict=True))
    assert len(same) > 0.95 * 3000
    assert quick.one.tolist() == sorted(quick.one)

    monkeypatch.setattr("rec_assets.features.neighbours.nearest._MOST", 20)
    capped = nearest(vectors, 5, exact_rows=599, seed=7)
    assert 0 < len(set(zip(capped.one, capped.other, strict=True)) & same) < len(same)


def test_equal_vectors_find_each_other_and_never_themselves() -> None:
    found = nearest(np.array([[1, 0], [1, 0], [1, 0], [0, 0]], np.float32), 2, exact_rows=10, seed=7)
    assert triples(found) == [(0, 1, 1), (0, 2, 1), (1, 0, 1), (1, 2, 1), (2, 0, 1), (2, 1, 1)]


def test_neighbours_recommend_what_is_new_to_the_customer() -> None:
    similar = Pairs(np.array([0, 1, 2]), np.array([1, 0, 1]), np.array([0.5, 0.5, 0.1], np.float32))
    found = from_similar_customers(MATRIX, similar, 2)
    assert triples(found) == [(0, 2, 0.5), (2, 0, 0.1), (2, 1, 0.1)]


def test_clusters_are_numbered_by_their_size_and_know_their_favourites() -> None:
    vectors = np.array([[0, 1], [1, 0], [1, 0]], np.float32)
    clusters = interest_clusters(vectors, 5, seed=7)
    assert clusters.tolist() == [1, 0, 0]
    assert triples(cluster_articles(MATRIX, np.array([0, 0, 1]), 2)) == [(0, 0, 2), (0, 1, 2), (1, 3, 1)]


def test_tables_hold_training_purchases_sorted(validated_workspace: Workspace) -> None:
    tables = made(validated_workspace)
    train = read_table(validated_workspace.splits / "train.parquet")

    clusters = tables["interest_clusters"]
    assert clusters["customer_id"].tolist() == sorted(train["customer_id"].unique())
    assert set(clusters["interest_cluster"]) == {0, 1, 2, 3}
    sold = set(train["sku"])
    for name in ("from_similar_customers", "cluster_articles"):
        assert set(tables[name]["sku"]) <= sold
    similar = tables["similar_items"]
    assert set(similar["sku"]) | set(similar["similar_sku"]) <= sold
    assert (similar["sku"] != similar["similar_sku"]).all()
    assert (similar["weight"] > 0).all()
    assert similar.groupby("sku")["weight"].is_monotonic_decreasing.all()
    bought = set(zip(train["customer_id"], train["sku"], strict=True))
    theirs = tables["from_similar_customers"]
    assert not bought & set(zip(theirs["customer_id"], theirs["sku"], strict=True))
    for frame in tables.values():
        assert frame.iloc[:, 0].is_monotonic_increasing


@pytest.mark.parametrize("params", [PARAMS, LEAVE_ONE_OUT])
def test_equal_inputs_give_equal_bytes(validated_workspace: Workspace, params: Params) -> None:
    made(validated_workspace, params)
    first = content_hash(validated_workspace.neighbours)
    made(validated_workspace, params)
    assert content_hash(validated_workspace.neighbours) == first


def other_articles(held_out: pd.DataFrame) -> pd.DataFrame:
    return held_out.assign(sku="SKU0003", price=1.0)


def nobody_but_one(held_out: pd.DataFrame) -> pd.DataFrame:
    # The window's first day stays, and so do the windows.
    return held_out[held_out["timestamp"].isin([held_out["timestamp"].min(), held_out["timestamp"].max()])]


@pytest.mark.parametrize("change", [other_articles, nobody_but_one])
def test_held_out_purchases_change_nothing(
    validated_workspace: Workspace, change: Callable[[pd.DataFrame], pd.DataFrame]
) -> None:
    """Neither the test nor the validation window: the one judges the model, the other chooses its epoch."""
    made(validated_workspace)
    before = content_hash(validated_workspace.neighbours)
    windows = read_json(validated_workspace.splits / "windows.json")
    params = Params.model_validate(
        {**PARAMS.model_dump(), "splits": {**PARAMS.splits.model_dump(), "as_of": windows["as_of"]}}
    )
    path = validated_workspace.validated / "transactions.parquet"
    purchases = read_table(path)
    late = purchases["timestamp"] >= windows["validation_start"]
    write_table(pd.concat([purchases[~late], change(purchases[late])], ignore_index=True), path)

    made(validated_workspace, params)

    assert late.sum() > 10
    assert content_hash(validated_workspace.neighbours) == before


def test_own_lists_end_where_the_training_does(validated_workspace: Workspace) -> None:
    made(validated_workspace)
    assert not (validated_workspace.neighbours / "wish_list.parquet").exists()
    train = read_table(validated_workspace.splits / "train.parquet")
    first, last = train.iloc[0], train["timestamp"].max()
    day = pd.Timedelta(days=1)
    listed = pd.DataFrame(
        [
            (first["customer_id"], first["sku"], last - day),
            (first["customer_id"], first["sku"], last - 2 * day),
            (first["customer_id"], train["sku"].iloc[-1], last + day),
            ("nobody", first["sku"], last - day),
            (first["customer_id"], "never sold", last - day),
        ],
        columns=["customer_id", "sku", "timestamp"],
    )
    write_table(listed, validated_workspace.validated / "wish_list.parquet")

    wishes = made(validated_workspace)["wish_list"]

    assert wishes.to_numpy().tolist() == [[first["customer_id"], first["sku"], 1.0]]


def test_an_own_list_without_dates_is_refused(validated_workspace: Workspace) -> None:
    listed = pd.DataFrame({"customer_id": ["C001"], "sku": ["SKU0001"]})
    write_table(listed, validated_workspace.validated / "own_basket.parquet")
    with pytest.raises(TableError, match="no column timestamp"):
        made(validated_workspace)


def test_one_article_and_one_customer(validated_workspace: Workspace) -> None:
    path = validated_workspace.validated / "transactions.parquet"
    purchases = read_table(path)
    write_table(purchases.assign(sku="SKU0000", customer_id="C001"), path)

    tables = made(validated_workspace)

    assert not len(tables["similar_items"])
    assert not len(tables["from_similar_customers"])
    assert tables["interest_clusters"].to_numpy().tolist() == [["C001", 0]]
    assert tables["cluster_articles"].to_numpy().tolist() == [[0, "SKU0000", 1.0]]
