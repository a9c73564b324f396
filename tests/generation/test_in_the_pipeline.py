"""Item tokens chosen in params.yaml: from the vocabulary to judged lists, baskets and retrainings."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from rec_assets import columns as c
from rec_assets.errors import ParamsError, RegistryError
from rec_assets.files import content_hash, read_json, read_table, write_table
from rec_assets.generation.basket import suggest_basket
from rec_assets.generation.chains import Sampling
from rec_assets.generation.schemes import load_item_tokens
from rec_assets.params import Ranking, change_params, read_params
from rec_assets.pipeline import run_stage
from rec_assets.ranking.export import export
from rec_assets.ranking.loading import load_ranker
from rec_assets.ranking.one_pass import OnePassRanker
from rec_assets.ranking.recommend import recommend
from rec_assets.registry import promote, version_folder
from rec_assets.registry.scores import rank_and_score
from rec_assets.registry.serving import serving_model
from rec_assets.registry.versions import store
from rec_assets.workspace import Workspace


def choose(here: Workspace, scheme: str, **changes: object) -> None:
    change_params(
        here.params_file, {"vocabulary.item_tokens": scheme, "evaluation.bootstrap_samples": 100, **changes}
    )
    run_stage(here, "vocabulary")


def ndcg_at_10(skus: list[str], basket: set[str]) -> float:
    gain = sum(1 / math.log2(rank + 1) for rank, sku in enumerate(skus[:10], 1) if sku in basket)
    return gain / sum(1 / math.log2(rank + 1) for rank in range(1, min(len(basket), 10) + 1))


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "length"), [("digits2", 2), ("semantic", 4)])
def test_from_the_vocabulary_to_judged_lists(prepared_workspace: Workspace, scheme: str, length: int) -> None:
    here = prepared_workspace
    plain = {path.name: content_hash(path) for path in here.vocabulary.iterdir()}
    assert "ids" not in plain
    choose(here, scheme, **{"ranking.beams": 10})
    ids = here.vocabulary / "ids"
    tokens = load_item_tokens(ids)
    assert (tokens.scheme, tokens.codes.shape) == (scheme, (30, length))
    assert {name: content_hash(here.vocabulary / name) for name in plain} == plain

    report = run_stage(here, "recommender")
    curve = report.tables["curve"]
    assert curve["train_loss"].iloc[-1] < curve["train_loss"].iloc[0]
    assert report.rows["id tokens with an ID part"] <= tokens.size
    assert (report.tables["what moved"]["change"] > 0).all()

    # The stored model writes the lists that chose its epoch.
    params = read_params(here.params_file)
    ranker = load_ranker(here.recommender, here.base_model, here.vocabulary, params.ranking)
    prompts = read_table(here.prompts / "validation.parquet")
    skus = ranker.registry[c.SKU].to_numpy()
    tops = ranker.top(prompts, 10, ranker.barred(retired=False))
    values = [ndcg_at_10(skus[top.skus].tolist(), set(prompts[c.TARGETS][top.place])) for top in tops]
    assert len(values) == len(prompts)
    assert np.mean(values) == pytest.approx(report.metrics["validation_ndcg@10"], abs=0.01)
    assert np.mean(values) > 0.1

    run_stage(here, "holdout_rankings")
    lists = read_table(here.holdout_rankings / "couturier.parquet")
    assert set(lists["sku"]) <= set(skus)
    assert (lists.groupby(["customer_id", "masked"]).size() <= 10).all()
    sizes = lists[~lists["masked"]].groupby("customer_id").size()
    assert set(sizes.index) == set(read_table(here.splits / "test.parquet")["customer_id"])
    assert (sizes == 10).all()
    before = read_table(here.behaviour / "events.parquet").query("split != 'test'")
    seen = set(zip(before["customer_id"], before["sku"], strict=True))
    masked = lists[lists["masked"]]
    assert not seen & set(zip(masked["customer_id"], masked["sku"], strict=True))

    run_stage(here, "evaluation")
    judged = read_table(here.reports / "evaluation" / "per_customer.parquet").query("~masked")
    truth = read_table(here.splits / "test.parquet").groupby("customer_id")["sku"].agg(set)
    listed = lists[~lists["masked"]].groupby("customer_id")["sku"].agg(list)
    own = [ndcg_at_10(listed[customer], truth[customer]) for customer in judged["customer_id"]]
    np.testing.assert_allclose(judged["ndcg@10"], own, rtol=1e-6)


@pytest.fixture
def digits(prepared_workspace: Workspace) -> Workspace:
    """A shop whose model writes SKUs in digits."""
    choose(prepared_workspace, "digits", **{"training.epochs": 1})
    run_stage(prepared_workspace, "recommender")
    return prepared_workspace


def test_lists_and_baskets_of_digits(digits: Workspace) -> None:
    run_stage(digits, "recommendations")
    lists = read_table(digits.recommendations / "lists.parquet")
    assert (lists.groupby("customer_id").size() == 12).all()
    params = read_params(digits.params_file)
    found = recommend(digits, params, "C003", k=25, categories=["coats"], include_seen=True)
    assert (set(found["category"]), len(found)) == ({"Coats"}, 6)
    assert len(recommend(digits, params, "C003", k=25, include_seen=True)) == 25  # more than ranking.beams
    events = read_table(digits.behaviour / "events.parquet").query("customer_id == 'C003'")
    basket = suggest_basket(digits, params, "C003", 6, Sampling(3, 4, temperature=2.0), seed=1)
    assert basket["sku"].is_unique
    assert not set(basket["sku"]) & set(events["sku"])
    with pytest.raises(RegistryError, match="words of digits"):
        OnePassRanker.load(digits.recommender, digits.base_model, digits.vocabulary, Ranking())


def test_an_exported_checkpoint_spells_skus(digits: Workspace) -> None:
    out = export(digits, digits.root / "exported")
    spelt = read_json(out / "skus.json")
    registry = read_table(digits.vocabulary / "registry.parquet")
    words = read_json(digits.vocabulary / "vocabulary.json")["words"]
    codes = load_item_tokens(digits.vocabulary / "ids").codes
    assert spelt[registry["sku"][7]] == (words + codes[7]).tolist()
    tokenizer = AutoTokenizer.from_pretrained(out)
    assert tokenizer.convert_ids_to_tokens(spelt[registry["sku"][7]]) == [
        "<digits:0>",
        "<digits:10>",
        "<digits:27>",
    ]
    # Greedy writing with the plain checkpoint agrees with the ranker's beams of one.
    params = read_params(digits.params_file)
    settings = params.ranking.model_copy(update={"beams": 1})
    ranker = load_ranker(digits.recommender, digits.base_model, digits.vocabulary, settings)
    prompts = read_table(digits.prompts / "latest.parquet").head(3)
    plain = AutoModelForCausalLM.from_pretrained(out).eval()
    rows = ranker._encoder.encode(prompts)  # type: ignore[attr-defined]
    for top in ranker.top(prompts, 1, ranker.barred()):
        ids = torch.from_numpy(rows[top.place].ids)
        word = codes[int(top.skus[0])] + words
        with torch.no_grad():
            logits = plain(torch.cat([ids, torch.from_numpy(word[:-1])])[None]).logits[0, -len(word) :]
        # Of each token, its share among those that SKUs have at its place.
        score = sum(
            logits[p, token] - logits[p, np.unique(codes[:, p]) + words].logsumexp(0)
            for p, token in enumerate(word)
        )
        assert float(score) == pytest.approx(float(top.scores[0]), abs=1e-3)


def test_a_retraining_keeps_words_and_weights(digits: Workspace) -> None:
    windows = read_json(digits.splits / "windows.json")
    store(digits, "aaa", {"windows": windows, "source": {}})
    promote(digits, "aaa")
    codes = load_item_tokens(digits.vocabulary / "ids").codes
    articles = read_table(digits.behaviour / "articles.parquet")
    new = articles.head(1).assign(sku="0NEW", introduced=articles["introduced"].max())
    write_table(pd.concat([articles, new]), digits.behaviour / "articles.parquet")
    texts = read_table(digits.item_texts)
    write_table(pd.concat([texts, texts.head(1).assign(sku="0NEW")]), digits.item_texts)
    choose(digits, "digits", **{"lineage.parent": "aaa"})
    longer = load_item_tokens(digits.vocabulary / "ids").codes
    assert len(longer) == 31
    assert longer[:30].tolist() == codes.tolist()
    # The champion goes on with the longer registry: its new arrivals can be recommended.
    assert serving_model(digits)[2] == digits.vocabulary
    params = read_params(digits.params_file)
    assert "0NEW" in set(recommend(digits, params, "C003", k=31, include_seen=True)["sku"])
    assert ", started from aaa with " in run_stage(digits, "recommender").summary


def test_another_scheme_starts_anew_beside_the_champion(digits: Workspace) -> None:
    windows = read_json(digits.splits / "windows.json")
    store(digits, "aaa", {"windows": windows, "source": {}})
    promote(digits, "aaa")
    before = rank_and_score(digits, read_params(digits.params_file), version_folder(digits, "aaa"))
    choose(digits, "sku", **{"lineage.parent": "aaa"})
    assert not (digits.vocabulary / "ids").exists()
    assert serving_model(digits)[2] == version_folder(digits, "aaa") / "vocabulary"
    after = rank_and_score(digits, read_params(digits.params_file), version_folder(digits, "aaa"))
    pd.testing.assert_series_equal(before, after)
    assert "aaa writes SKUs in other tokens" in run_stage(digits, "recommender").summary


def test_masking_of_seen_tokens_is_refused(prepared_workspace: Workspace) -> None:
    choose(prepared_workspace, "digits", **{"training.mask_seen": True})
    with pytest.raises(ParamsError, match=r"those of digits belong to many SKUs"):
        run_stage(prepared_workspace, "recommender")
