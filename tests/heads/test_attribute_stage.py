import numpy as np
import pandas as pd
import pytest

from rec_assets.errors import ParamsError
from rec_assets.features.filled import filled_path
from rec_assets.files import content_hash, read_json, read_table, write_json, write_table
from rec_assets.heads import attribute_stage
from rec_assets.heads.beside_base import from_label_head
from rec_assets.params import Params

CATEGORY = {"min_rows": 5, "prompt": "{text}", "C": 1.0}
TITLES = ["black red Coats", "white green red Belts", "green Trousers"]


@pytest.fixture
def shop(shop):
    write_json({"as_of": "2025-01-01"}, shop.splits / "windows.json")
    skus = read_table(shop.validated / "articles.parquet", ["sku"])
    for name in ("train", "validation"):
        write_table(skus, shop.splits / f"{name}.parquet")
    return shop


def params(**heads):
    return Params.model_validate({"heads": heads, "run": {"threads": 1}})


def figures(shop, name="category"):
    return read_json(shop.reports / "heads" / name / "metrics.json")


def test_a_head_is_trained_and_judged_beside_its_rivals(shop):
    report = attribute_stage.run(shop, params(category=CATEGORY))
    metrics = figures(shop)
    assert metrics["majority"]["accuracy"] == pytest.approx(1 / 3)
    assert metrics["head"]["accuracy"] > 0.8
    assert metrics["TF-IDF and logistic regression"]["accuracy"] == 1.0  # titles name the category
    assert metrics["rows"]["train"] + metrics["rows"]["test"] == metrics["rows"]["used"] == 90
    assert metrics["falls_short"] == []
    counts = pd.read_csv(shop.reports / "heads" / "category" / "confusion.csv", index_col="true")
    assert counts.to_numpy().sum() == 18
    assert counts.to_numpy().trace() / 18 == pytest.approx(metrics["head"]["accuracy"])
    bins = pd.read_csv(shop.reports / "heads" / "category" / "calibration.csv")
    assert bins["rows"].sum() == 18
    assert report.checks == ()  # a weak head must not stop what reads the filled attributes
    assert {plot.stem for plot in report.plots} == {"confusion_category", "calibration_category"}
    assert all(plot.read_bytes().startswith(b"\x89PNG") for plot in report.plots)


def test_test_rows_are_explained_word_by_word(shop):
    attribute_stage.run(shop, params(category=CATEGORY))
    rows = read_json(shop.reports / "heads" / "category" / "explained.json")
    assert len(rows) == 3
    for row in rows:
        assert [word for word, _, _ in row["parts"]] == row["text"].split()
        strongest = max(row["parts"], key=lambda part: part[2])
        if row["predicted"] == row["truth"]:
            assert strongest[0] == row["truth"]  # the title's last word is its category


def test_the_same_inputs_give_the_same_bytes(shop):
    hashes = []
    for _ in range(2):
        attribute_stage.run(shop, params(category=CATEGORY | {"C": "auto"}))
        folders = (shop.heads, shop.reports / "heads", filled_path(shop))
        hashes.append([content_hash(path) for path in folders])
    assert hashes[0] == hashes[1]


def test_heads_of_one_prompt_and_layer_read_a_text_once(shop, monkeypatch):
    read = []
    decoder = attribute_stage.LanguageModel.decoder.fget
    monkeypatch.setattr(
        attribute_stage.LanguageModel, "decoder", property(lambda self: read.append(1) or decoder(self))
    )
    monkeypatch.setattr(attribute_stage, "write_explained", lambda *_: None)
    off = CATEGORY | {"fill_above": None, "layer": None}
    counts = []
    for heads in ({"one": off}, {"one": off, "two": off}, {"one": off, "two": off | {"pooling": "last"}}):
        read.clear()
        attribute_stage.run(shop, params(**heads))
        counts.append(len(read))
    assert counts[0] > 0
    assert counts[2] > counts[1] * 1.5
    assert counts[1] < counts[0] * 1.5


def test_what_the_catalogue_lacks_is_filled_where_the_head_is_sure(shop):
    attribute_stage.run(shop, params(category=CATEGORY | {"fill_above": 0.5}))
    filled = read_table(filled_path(shop)).set_index("sku")
    assert filled["value"].to_dict() == {"S90": "Coats", "S91": "Belts"}  # one without a title is not read
    assert filled["kept"].all()
    assert set(filled["column"]) == {"category"}
    attribute_stage.run(shop, params(category=CATEGORY | {"fill_above": 1.0}))
    assert read_table(filled_path(shop))["kept"].tolist() == [False, False]
    attribute_stage.run(shop, params(category=CATEGORY | {"fill_above": None}))
    assert read_table(filled_path(shop)).empty


def test_of_two_heads_of_one_column_the_surer_fills(shop):
    vague = CATEGORY | {"C": 0.001, "fill_above": 0.3}
    attribute_stage.run(shop, params(vague=vague, sure=CATEGORY | {"fill_above": 0.3}))
    both = read_table(filled_path(shop))
    attribute_stage.run(shop, params(sure=CATEGORY | {"fill_above": 0.3}))
    assert both["sku"].is_unique
    assert both.equals(read_table(filled_path(shop)))


def test_a_head_that_knows_nothing_fills_nothing(shop, articles):
    noise = np.random.default_rng(3).choice(["Belts", "Coats"], size=len(articles))
    write_table(
        articles.assign(category=np.where(articles.index < 90, noise, None)),
        shop.validated / "articles.parquet",
    )
    attribute_stage.run(shop, params(category=CATEGORY | {"fill_above": 0.0, "C": 1e-6}))
    metrics = figures(shop)
    assert metrics["head"]["accuracy"] <= metrics["majority"]["accuracy"]
    filled = read_table(filled_path(shop))
    assert len(filled) == 3
    assert not filled["kept"].any()


def test_articles_that_come_after_as_of_teach_nothing(shop, articles):
    later = articles.index.isin(range(0, 90, 10))
    days = pd.Series(np.where(later, "2025-01-01", "2024-12-31"))
    dated = articles.assign(introduced=pd.to_datetime(days).astype("datetime64[us]"))
    hashes = []
    for title, category in (("a", "Coats"), ("red red Belts", "Belts"), ("green", None)):
        changed = dated.assign(
            title=dated["title"].mask(later, title), category=dated["category"].mask(later, category)
        )
        write_table(changed, shop.validated / "articles.parquet")
        attribute_stage.run(shop, params(category=CATEGORY))
        hashes.append((content_hash(shop.heads), content_hash(shop.reports / "heads")))
    assert figures(shop)["rows"]["used"] == 81
    assert hashes[0] == hashes[1] == hashes[2]
    assert read_table(filled_path(shop))["sku"].isin(dated.loc[later, "sku"]).any()  # but it is filled
    write_json({"as_of": None}, shop.splits / "windows.json")
    write_table(dated, shop.validated / "articles.parquet")
    attribute_stage.run(shop, params(category=CATEGORY))
    assert figures(shop)["rows"]["used"] == 90


def test_undated_articles_teach_where_they_were_bought_before_as_of(shop, articles):
    undated = articles.index.isin(range(0, 90, 2))
    days = pd.Series(np.where(undated, None, "2024-12-31"))
    write_table(
        articles.assign(introduced=pd.to_datetime(days).astype("datetime64[us]")),
        shop.validated / "articles.parquet",
    )
    write_table(articles.loc[[0, 1], ["sku"]], shop.splits / "train.parquet")
    write_table(articles.loc[[2, 90], ["sku"]], shop.splits / "validation.parquet")
    attribute_stage.run(shop, params(category=CATEGORY))
    assert figures(shop)["rows"]["used"] == 45 + 2
    write_table(articles, shop.validated / "articles.parquet")  # none is dated: all are as these
    write_table(articles.loc[:29, ["sku"]], shop.splits / "train.parquet")
    attribute_stage.run(shop, params(category=CATEGORY))
    assert figures(shop)["rows"]["used"] == 30


@pytest.mark.parametrize("mode", ["zero_shot", "few_shot"])
def test_labels_of_several_tokens_are_scored_and_saved(shop, articles, mode):
    long = articles["category"].replace({"Coats": "black white Coats", "Belts": "Belts green"})
    write_table(articles.assign(category=long), shop.validated / "articles.parquet")
    attribute_stage.run(shop, params(category=CATEGORY | {"mode": mode}))
    head = from_label_head(shop.heads / "category", shop.root / "nowhere")
    assert head.scorer_.multi_token == "trie"
    assert head.scorer_.trie.tokens
    assert len(head.predict(TITLES)) == 3


def test_words_for_a_mistyped_label_are_named(shop):
    with pytest.raises(ParamsError, match=r"heads\.category\.label_words has words for 'Coat'"):
        attribute_stage.run(shop, params(category=CATEGORY | {"label_words": {"Coat": ["coat"]}}))


def test_without_heads_the_stage_says_so(shop):
    report = attribute_stage.run(shop, params())
    assert "No heads are configured" in report.summary
    assert read_json(shop.heads / "heads.json") == {"heads": [], "skipped": {}}
    assert read_table(filled_path(shop)).empty


def test_heads_on_customers_are_another_stage(shop):
    report = attribute_stage.run(shop, params(next_category={"table": "customers"}))
    assert "No heads are configured" in report.summary


def test_a_head_with_too_few_rows_is_left_out_with_the_reason(shop, articles):
    write_table(articles.head(4), shop.validated / "articles.parquet")
    report = attribute_stage.run(
        shop, params(category=CATEGORY, season={"label": "season", "optional": True})
    )
    assert "category: left out, 0 of 3 labels" in report.summary
    assert "season: left out, articles.parquet has no column 'season'" in report.summary
    assert "0 of 3 labels" in read_json(shop.reports / "heads" / "heads.json")["skipped"]["category"]


def test_a_linear_head_is_small_and_answers_as_it_was_judged(shop):
    attribute_stage.run(shop, params(category=CATEGORY | {"layer": 1}))
    folder = shop.heads / "category"
    assert sum(path.stat().st_size for path in folder.iterdir()) < 10_000
    head = from_label_head(folder, shop.base_model)
    assert (head.scorer_.layer, head.scorer_.pooling) == (1, "mean")
    assert head.predict(TITLES).tolist() == ["Coats", "Belts", "Trousers"]


@pytest.mark.parametrize("mode", ["zero_shot", "few_shot"])
def test_the_other_modes_are_saved_whole(shop, mode):
    attribute_stage.run(
        shop, params(category=CATEGORY | {"mode": mode, "label_words": {"Coats": ["Coats", "red"]}})
    )
    assert figures(shop)["mode"] == mode
    head = from_label_head(shop.heads / "category", shop.root / "nowhere")
    assert head.mode_ == mode
    assert len(head.predict(TITLES)) == 3


def test_an_unknown_key_of_fine_tuning_is_named(shop):
    with pytest.raises(ParamsError, match=r"heads\.category\.fine_tuning\.rounds"):
        attribute_stage.run(
            shop, params(category=CATEGORY | {"mode": "fine_tune", "fine_tuning": {"rounds": 3}})
        )


@pytest.mark.slow
def test_a_head_is_fine_tuned(shop):
    tuning = {"epochs": 2, "method": "full"}
    attribute_stage.run(shop, params(category=CATEGORY | {"mode": "fine_tune", "fine_tuning": tuning}))
    assert figures(shop)["mode"] == "fine_tune"
    assert len(from_label_head(shop.heads / "category", shop.root / "nowhere").predict(TITLES)) == 3


def test_a_text_that_holds_the_label_is_refused():
    with pytest.raises(ValueError, match="the label itself"):
        params(category={"text": ["title", "category"]})


@pytest.mark.slow
@pytest.mark.shared
def test_the_real_base_model_tells_garments_apart(workspace, shared_data):
    from rec_assets.backbone.stage import run as base_model

    catalogue = pd.read_parquet(shared_data / "hm" / "articles.parquet")
    catalogue = catalogue.rename(
        columns={
            "article_id": "sku",
            "prod_name": "title",
            "detail_desc": "description",
            "product_type_name": "category",
        }
    )
    write_table(catalogue.head(4000), workspace.validated / "articles.parquet")
    write_json({"as_of": None}, workspace.splits / "windows.json")
    base_model(workspace, Params())
    attribute_stage.run(workspace, params(category={"max_rows": 600}))
    metrics = figures(workspace)
    assert metrics["head"]["accuracy"] > metrics["majority"]["accuracy"] + 0.2
    assert "majority" not in metrics["falls_short"]
