import pandas as pd
import pytest
import torch
from transformers import AutoModelForCausalLM

from rec_assets.errors import CouturierError, UnknownCustomerError
from rec_assets.files import read_json, read_table, write_table
from rec_assets.params import Ranking, change_params, read_params
from rec_assets.pipeline import run_stage
from rec_assets.ranking.export import export
from rec_assets.ranking.holdout import rank_holdout
from rec_assets.ranking.one_pass import OnePassRanker
from rec_assets.ranking.recommend import recommend
from rec_assets.registry import promote
from rec_assets.registry.versions import store
from rec_assets.workspace import Workspace


@pytest.fixture
def trained(prepared_workspace: Workspace) -> Workspace:
    change_params(prepared_workspace.params_file, {"training.epochs": 1})
    run_stage(prepared_workspace, "recommender")
    return prepared_workspace


def test_holdout_lists_hold_every_test_customer_twice(trained: Workspace) -> None:
    run_stage(trained, "holdout_rankings")
    lists = read_table(trained.holdout_rankings / "couturier.parquet")
    customers = set(read_table(trained.splits / "test.parquet")["customer_id"])
    assert set(lists["customer_id"]) == customers
    sizes = lists.groupby(["customer_id", "masked"]).size()
    assert (sizes[:, False] == 20).all()
    before = read_table(trained.behaviour / "events.parquet").query("split != 'test'")
    seen = set(zip(before["customer_id"], before["sku"], strict=True))
    masked = lists[lists["masked"]]
    assert not seen & set(zip(masked["customer_id"], masked["sku"], strict=True))


def test_every_customer_gets_recommendations(trained: Workspace) -> None:
    run_stage(trained, "recommendations")
    lists = read_table(trained.recommendations / "lists.parquet")
    latest = read_table(trained.prompts / "latest.parquet")
    assert set(lists["customer_id"]) == set(latest["customer_id"])
    assert (lists.groupby("customer_id").size() == 12).all()
    assert read_json(trained.recommendations / "model.json") == {"champion": None}


def test_what_is_popular_is_counted_anew(trained: Workspace) -> None:
    """A bestseller of the test window rises in lists of today, and not in those that are judged by it."""
    run_stage(trained, "holdout_rankings")
    run_stage(trained, "recommendations")
    judged = read_table(trained.holdout_rankings / "couturier.parquet")
    before = read_table(trained.recommendations / "lists.parquet")
    events = read_table(trained.behaviour / "events.parquet")
    tested = events["split"] == "test"
    listed = before["sku"].value_counts()
    skus = read_table(trained.behaviour / "articles.parquet")["sku"]
    rare = listed.reindex(skus, fill_value=0).idxmin()
    write_table(events.assign(sku=events["sku"].mask(tested, rare)), trained.behaviour / "events.parquet")
    run_stage(trained, "holdout_rankings")
    run_stage(trained, "recommendations")
    after = read_table(trained.recommendations / "lists.parquet")
    assert (after["sku"] == rare).sum() > (before["sku"] == rare).sum()
    assert read_table(trained.holdout_rankings / "couturier.parquet").equals(judged)


def test_what_was_bought_is_left_out_where_asked(trained: Workspace) -> None:
    change_params(trained.params_file, {"recommendations.include_seen": False})
    run_stage(trained, "recommendations")
    lists = read_table(trained.recommendations / "lists.parquet")
    events = read_table(trained.behaviour / "events.parquet")
    bought = set(zip(events["customer_id"], events["sku"], strict=True))
    assert not bought & set(zip(lists["customer_id"], lists["sku"], strict=True))


def test_sold_out_articles_are_judged_but_not_recommended(trained: Workspace) -> None:
    articles = read_table(trained.behaviour / "articles.parquet")
    sold_out = set(articles["sku"][:10])
    write_table(
        articles.assign(available=~articles["sku"].isin(sold_out)), trained.behaviour / "articles.parquet"
    )
    run_stage(trained, "vocabulary")
    run_stage(trained, "holdout_rankings")
    run_stage(trained, "recommendations")
    assert sold_out & set(read_table(trained.holdout_rankings / "couturier.parquet")["sku"])
    assert not sold_out & set(read_table(trained.recommendations / "lists.parquet")["sku"])
    found = recommend(trained, read_params(trained.params_file), "C003", k=30, include_seen=True)
    assert not sold_out & set(found["sku"])


def test_lists_are_the_champions(trained: Workspace) -> None:
    """A challenger that was not promoted writes no list, and a rollback is followed by the next ranking."""
    store(trained, "aaa", {"windows": {}, "source": {}})
    promote(trained, "aaa")
    run_stage(trained, "recommendations")
    before = read_table(trained.recommendations / "lists.parquet")
    change_params(trained.params_file, {"training.epochs": 2, "run.seed": 8})
    run_stage(trained, "recommender")
    run_stage(trained, "recommendations")
    assert read_table(trained.recommendations / "lists.parquet").equals(before)
    assert read_json(trained.recommendations / "model.json") == {"champion": "aaa"}
    store(trained, "bbb", {"windows": {}, "source": {}})
    promote(trained, "bbb")
    run_stage(trained, "recommendations")
    assert not read_table(trained.recommendations / "lists.parquet").equals(before)


def test_a_champion_is_asked_in_its_own_words(trained: Workspace) -> None:
    """A template that changed since leaves what the champion reads, and so its lists, as they were."""
    store(trained, "aaa", {"windows": {}, "source": {}})
    promote(trained, "aaa")
    params = read_params(trained.params_file)
    champion = trained.registry / "versions" / "aaa"
    folders = (champion / "recommender", champion / "vocabulary", champion / "base")
    judged = rank_holdout(trained, params, *folders)
    listed = recommend(trained, params, "C003")
    run_stage(trained, "recommendations")
    before = read_table(trained.recommendations / "lists.parquet")
    (trained.root / "other.yaml").write_text("header: dear {gender}, of {age_band} years\n")
    change_params(trained.params_file, {"prompts.template": "other.yaml", "prompts.history": 3})
    headers = read_table(trained.prompts / "latest.parquet")["header"]
    run_stage(trained, "prompts")
    assert not read_table(trained.prompts / "latest.parquet")["header"].equals(headers)
    run_stage(trained, "recommendations")
    assert read_table(trained.recommendations / "lists.parquet").equals(before)
    assert recommend(trained, params, "C003").equals(listed)
    assert rank_holdout(trained, params, *folders).equals(judged)


def test_recommend_filters(trained: Workspace) -> None:
    params = read_params(trained.params_file)
    found = recommend(trained, params, "C003", k=5, categories=["coats"], include_seen=True)
    assert set(found["category"]) == {"Coats"}
    cheap = recommend(trained, params, "C003", k=5, max_price=30, include_seen=True)
    assert (cheap["price"] <= 30).all()
    events = read_table(trained.behaviour / "events.parquet").query("customer_id == 'C003'")
    fresh = recommend(trained, params, "C003", k=30)
    assert not set(fresh["sku"]) & set(events["sku"])


def test_recommend_says_what_it_does_not_know(trained: Workspace) -> None:
    params = read_params(trained.params_file)
    with pytest.raises(UnknownCustomerError, match="Did you mean C03"):
        recommend(trained, params, "C0x3")
    with pytest.raises(CouturierError, match="Coats"):
        recommend(trained, params, "C003", categories=["coat"])
    with pytest.raises(CouturierError, match="filters leave no article"):
        recommend(trained, params, "C003", max_price=0.01)


def test_an_exported_checkpoint_has_equal_logits(trained: Workspace) -> None:
    out = export(trained, trained.root / "exported")
    plain = AutoModelForCausalLM.from_pretrained(out).eval()
    branches = [
        AutoModelForCausalLM.from_pretrained(folder).eval() for folder in sorted(out.glob("sku_branch_*"))
    ]
    assert branches
    words = range(min(read_json(out / "skus.json").values()))
    alone = Ranking(demand=False, repeats=False)
    ranker = OnePassRanker.load(trained.recommender, trained.base_model, trained.vocabulary, alone)
    prompts: pd.DataFrame = read_table(trained.prompts / "latest.parquet").head(3)
    tokens = read_json(out / "skus.json")
    order = [tokens[sku] for sku in ranker.registry["sku"]]
    rows = ranker._encoder.encode(prompts)
    for places, scores in ranker.scores(prompts):
        for place, own in zip(places, scores, strict=True):
            with torch.no_grad():
                logits = plain(torch.from_numpy(rows[place].ids).unsqueeze(0)).logits[0, -1]
                read = [0, *(1 + int(i) - len(words) for i in rows[place].ids if i >= len(words))]
                beside = sum(branch(torch.tensor([read])).logits[0, -1, 1:] for branch in branches)
            torch.testing.assert_close(logits[order] + beside, own, rtol=1e-4, atol=1e-4)
