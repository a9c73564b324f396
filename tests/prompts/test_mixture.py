"""Mixed training rows: shares, answers and counts, drawn the same whatever surrounds them."""

import numpy as np
import pandas as pd
import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from rec_assets.columns import ANSWERS, KIND
from rec_assets.errors import ParamsError
from rec_assets.evaluation import splits
from rec_assets.features import behaviour, item_texts
from rec_assets.features.neighbours import stage as neighbours
from rec_assets.files import content_hash, read_json, read_table, write_json, write_table
from rec_assets.params import Params, read_params
from rec_assets.prompts import blocks, stage
from rec_assets.prompts.show import show_prompt
from rec_assets.vocabulary.token_rows import IGNORED, RowEncoder
from rec_assets.workspace import Workspace

LEAVE_ONE_OUT = {"strategy": "leave_one_out"}


def asking(splits: dict[str, object] | None = None, **targets: float) -> Params:
    return Params.model_validate(
        {"prompts": {"history": 6, "targets": targets}, "splits": splits or {}, "run": {"seed": 5}}
    )


def prepared(workspace: Workspace, params: Params) -> pd.DataFrame:
    for step in (splits.run, item_texts.run, behaviour.run, neighbours.run):
        step(workspace, params)
    return rendered(workspace, params)


def rendered(workspace: Workspace, params: Params) -> pd.DataFrame:
    stage.run(workspace, params)
    return read_table(workspace.prompts / "train.parquet")


def answers(rows: pd.DataFrame, kind: str) -> pd.DataFrame:
    """One line per answer of a kind: who, the purchase in whose place it stands, what was shown before."""
    lines = [
        (row.customer_id, row.history[place], answer, list(row.history[:place]))
        for row in rows[rows[KIND] == kind].itertuples()
        for place, answer in enumerate(row.answers)
        if answer is not None
    ]
    return pd.DataFrame(lines, columns=["customer_id", "purchase", "answer", "shown"])


def pairs(frame: pd.DataFrame) -> set[tuple[object, object]]:
    return set(zip(frame.iloc[:, 0], frame.iloc[:, 1], strict=True))


def test_the_default_needs_no_neighbours_and_adds_no_column(validated_workspace: Workspace) -> None:
    params = read_params(validated_workspace.params_file)
    for step in (splits.run, item_texts.run, behaviour.run):
        step(validated_workspace, params)
    rows = rendered(validated_workspace, params)
    assert rows.columns.tolist() == ["customer_id", "header", "moments", "history", "closing", "loss_from"]


def test_next_items_twice_are_the_default_rows_twice(validated_workspace: Workspace) -> None:
    once = prepared(validated_workspace, asking(next_item=1))
    twice = rendered(validated_workspace, asking(next_item=2))
    assert set(twice[KIND]) == {"next_item"}
    for row in twice.itertuples():
        assert list(row.answers[row.loss_from :]) == list(row.history[row.loss_from :])
        assert set(row.answers[: row.loss_from]) <= {None}
    for half in (twice.iloc[::2], twice.iloc[1::2]):
        pd.testing.assert_frame_equal(half.drop(columns=[ANSWERS, KIND]).reset_index(drop=True), once)


@pytest.mark.parametrize("window", [None, LEAVE_ONE_OUT])
def test_shares_up_to_one_part_the_purchases(
    validated_workspace: Workspace, window: dict[str, object] | None
) -> None:
    params = asking(window, next_item=0.5, similar_items=0.25, next_basket=0.25)
    for step in (splits.run, item_texts.run, behaviour.run, neighbours.run):
        step(validated_workspace, params)
    report = stage.run(validated_workspace, params)
    rows = read_table(validated_workspace.prompts / "train.parquet")

    counts = report.tables["targets"].set_index("kind")
    trained = read_json(validated_workspace.splits / "windows.json")["rows"]["train"]
    assert counts["places"].sum() == trained
    assert counts["rows"].to_dict() == rows[KIND].value_counts().to_dict()
    assert counts["rows"].sum() == report.rows["train"] == len(rows)
    for kind in counts.index:
        assert counts.loc[kind, "answers"] == len(answers(rows, kind)) == report.metrics[f"answers_{kind}"]
    assert counts.loc["next_item", "answers"] == counts.loc["next_item", "places"]
    # A customer's first purchase follows nothing that an article could be similar to.
    assert 0 < counts.loc["similar_items", "answers"] < counts.loc["similar_items", "places"]
    assert 0.35 < counts.loc["next_item", "rows"] / len(rows) < 0.65


def test_shares_above_one_add_to_the_purchases(validated_workspace: Workspace) -> None:
    once = prepared(validated_workspace, asking())
    rows = rendered(validated_workspace, asking(next_item=1, interest_cluster=0.5))
    own = rows[rows[KIND] == "next_item"].drop(columns=[ANSWERS, KIND]).reset_index(drop=True)
    pd.testing.assert_frame_equal(own, once)
    assert 0.3 < len(rows) / len(once) - 1 < 0.7


def test_each_kind_answers_from_its_own_table(validated_workspace: Workspace) -> None:
    here = validated_workspace
    first = read_table(here.validated / "transactions.parquet").iloc[:5]
    write_table(first[["customer_id", "sku", "timestamp"]], here.validated / "wish_list.parquet")
    write_table(first[["customer_id", "sku", "timestamp"]], here.validated / "own_basket.parquet")
    kinds = (
        "next_basket",
        "wish_list",
        "own_basket",
        "similar_customers",
        "similar_items",
        "interest_cluster",
    )
    rows = prepared(here, asking(next_item=0, **dict.fromkeys(kinds, 1.0)))
    found = {kind: answers(rows, kind) for kind in kinds}
    assert all(len(frame) for frame in found.values())

    for kind in ("wish_list", "own_basket"):
        assert pairs(found[kind][["customer_id", "answer"]]) <= pairs(first[["customer_id", "sku"]])
    theirs = read_table(here.neighbours / "from_similar_customers.parquet", ["customer_id", "sku"])
    assert pairs(found["similar_customers"][["customer_id", "answer"]]) <= pairs(theirs)
    cluster = read_table(here.neighbours / "interest_clusters.parquet").set_index("customer_id")[
        "interest_cluster"
    ]
    favourites = read_table(here.neighbours / "cluster_articles.parquet", ["interest_cluster", "sku"])
    asked = found["interest_cluster"].assign(cluster=lambda frame: frame["customer_id"].map(cluster))
    assert pairs(asked[["cluster", "answer"]]) <= pairs(favourites)
    similar = pairs(read_table(here.neighbours / "similar_items.parquet", ["sku", "similar_sku"]))
    for line in found["similar_items"].itertuples():
        assert {(sku, line.answer) for sku in line.shown[-5:]} & similar
    train = read_table(here.splits / "train.parquet")
    visits = train.assign(day=train["timestamp"].dt.date).groupby(["customer_id", "day"])["sku"].agg(set)
    for line in found["next_basket"].itertuples():
        assert any({line.purchase, line.answer} <= visit for visit in visits[line.customer_id])


def test_a_visits_rest_is_answered_in_any_order_and_never_twice(validated_workspace: Workspace) -> None:
    path = validated_workspace.validated / "transactions.parquet"
    purchases = read_table(path)
    visit = pd.DataFrame(
        {
            "customer_id": "visitor",
            "sku": [f"SKU{i:04d}" for i in range(6)],
            "timestamp": pd.Timestamp("2024-03-01") + pd.to_timedelta([0, 0, 0, 1, 0, 30], unit="D"),
            "price": 1.0,
            "channel": "store",
        }
    ).sort_values("timestamp", kind="stable")
    write_table(pd.concat([purchases, visit.astype(purchases.dtypes)], ignore_index=True), path)

    rows = prepared(validated_workspace, asking(next_item=0, next_basket=40))
    mine = answers(rows[rows["customer_id"] == "visitor"], "next_basket")

    by_purchase = mine.groupby("purchase")["answer"].agg(set).to_dict()
    assert by_purchase == {
        "SKU0000": {"SKU0000", "SKU0001", "SKU0002", "SKU0004"},
        "SKU0001": {"SKU0001", "SKU0002", "SKU0004"},
        "SKU0002": {"SKU0002", "SKU0004"},
        "SKU0004": {"SKU0004"},
        "SKU0003": {"SKU0003"},
        "SKU0005": {"SKU0005"},
    }


def test_answers_depend_on_the_seed_and_not_on_blocks_or_later_purchases(
    validated_workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = asking(next_item=0.6, similar_items=0.6, similar_customers=0.3)
    whole = prepared(validated_workspace, params)
    first = content_hash(validated_workspace.prompts)
    rendered(validated_workspace, params)
    assert content_hash(validated_workspace.prompts) == first
    monkeypatch.setattr(blocks, "_BLOCK", 7)
    pd.testing.assert_frame_equal(rendered(validated_workspace, params), whole)
    other = Params.model_validate({**params.model_dump(), "run": {"seed": 6}})
    assert not rendered(validated_workspace, other).equals(whole)

    windows = read_json(validated_workspace.splits / "windows.json")
    path = validated_workspace.validated / "transactions.parquet"
    purchases = read_table(path)
    late = purchases["timestamp"] >= windows["validation_start"]
    write_table(purchases.assign(sku=purchases["sku"].mask(late, "SKU0003")), path)
    pd.testing.assert_frame_equal(prepared(validated_workspace, params), whole)
    assert late.sum() > 10


@pytest.mark.parametrize("kind", ["wish_list", "own_basket"])
def test_a_list_the_retailer_does_not_have_is_refused(validated_workspace: Workspace, kind: str) -> None:
    with pytest.raises(ParamsError, match=f"{kind}.parquet does not exist") as caught:
        prepared(validated_workspace, asking(**{kind: 0.1}))
    assert f"set prompts.targets.{kind}: 0" in caught.value.cure


def test_visits_without_dates_are_refused(validated_workspace: Workspace) -> None:
    write_json({"kind": "table", "time": "order"}, validated_workspace.raw / "source.json")
    with pytest.raises(ParamsError, match="only the order"):
        prepared(validated_workspace, asking(LEAVE_ONE_OUT, next_basket=0.1))


@pytest.mark.parametrize(
    "targets", ["{next_item: 0}", "{next_item: -1, next_basket: 2}", "{nextitem: 1}", "{next_item: .inf}"]
)
def test_impossible_shares_are_refused(workspace: Workspace, targets: str) -> None:
    workspace.params_file.write_text(f"prompts: {{targets: {targets}}}")
    with pytest.raises(ParamsError, match=r"prompts\.targets"):
        read_params(workspace.params_file)


def test_the_encoder_trains_the_answers(validated_workspace: Workspace) -> None:
    rows = prepared(validated_workspace, asking(next_item=0, interest_cluster=1))
    skus = sorted(read_table(validated_workspace.validated / "articles.parquet")["sku"])
    registry = pd.DataFrame({"sku": skus, "sku_index": range(len(skus))})
    encoder = RowEncoder(Tokenizer(WordLevel({"<unk>": 0}, unk_token="<unk>")), registry, 1, start=0)
    for row, read in zip(rows.itertuples(), encoder.encode(rows), strict=True):
        expected = [skus.index(sku) for sku in row.answers if sku is not None]
        assert read.targets[read.targets != IGNORED].tolist() == expected
        assert [skus[token - 1] for token in read.ids[read.ids > 0]] == list(row.history)
    assert np.mean([list(row.answers) != list(row.history) for row in rows.itertuples()]) > 0.5


def test_answers_are_shown_with_their_kind(validated_workspace: Workspace) -> None:
    row = prepared(validated_workspace, asking(next_item=0, similar_customers=1)).iloc[0]
    text = show_prompt(validated_workspace, row["customer_id"], rows="train")
    assert f"(similar_customers): <sku:{row[ANSWERS][0]}>" in text
