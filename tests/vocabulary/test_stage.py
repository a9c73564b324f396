from pathlib import Path

import pandas as pd
import pytest
from transformers import AutoTokenizer

from rec_assets import columns as c
from rec_assets.errors import RegistryError
from rec_assets.files import content_hash, read_json, read_table, write_table
from rec_assets.params import change_params
from rec_assets.pipeline import run_stage
from rec_assets.registry.versions import store
from rec_assets.workspace import Workspace


def test_every_sku_has_a_token_a_title_and_the_models_id(prepared_workspace: Workspace) -> None:
    vocabulary = prepared_workspace.vocabulary
    registry = read_table(vocabulary / "registry.parquet")
    size = read_json(vocabulary / "vocabulary.json")
    tokens = AutoTokenizer.from_pretrained(vocabulary / "tokenizer")
    assert size["skus"] == len(registry) == 30
    expected = [size["words"] + index for index in registry[c.SKU_INDEX]]
    assert tokens.convert_tokens_to_ids(registry[c.TOKEN].tolist()) == expected


@pytest.mark.parametrize("dated", [True, False])
def test_articles_of_later_shape_no_title_space(prepared_workspace: Workspace, dated: bool) -> None:
    here = prepared_workspace
    as_of = pd.Timestamp(read_json(here.splits / "windows.json")["as_of"])
    articles = read_table(here.behaviour / "articles.parquet")
    later = articles[c.SKU].isin(articles[c.SKU].tail(3))
    articles.loc[later, c.FIRST_SEEN] = pd.NaT
    articles.loc[later, c.INTRODUCED] = as_of
    if not dated:  # as H&M's: what nobody has bought may not have been there
        articles[c.INTRODUCED] = pd.NaT
    write_table(articles, here.behaviour / "articles.parquet")
    later = set(articles.loc[later, c.SKU])
    run_stage(here, "vocabulary")
    before = content_hash(here.vocabulary / "title_space.safetensors")
    texts = read_table(here.item_texts)
    texts.loc[texts[c.SKU].isin(later), c.TEXT] = "white white knitwear"
    write_table(texts, here.item_texts)
    run_stage(here, "vocabulary")
    assert content_hash(here.vocabulary / "title_space.safetensors") == before
    texts.loc[~texts[c.SKU].isin(later), c.TEXT] = "white white knitwear"
    write_table(texts, here.item_texts)
    run_stage(here, "vocabulary")
    assert content_hash(here.vocabulary / "title_space.safetensors") != before


def test_a_registry_is_continued_and_its_space_kept(prepared_workspace: Workspace) -> None:
    here = prepared_workspace
    here.recommender.mkdir(parents=True)
    store(here, "aaa", {})
    before = read_table(here.vocabulary / "registry.parquet")
    articles = read_table(here.behaviour / "articles.parquet")
    new = articles.head(1).assign(sku="0NEW")
    write_table(pd.concat([articles.tail(20), new]), here.behaviour / "articles.parquet")
    change_params(here.params_file, {"lineage.parent": "aaa"})
    report = run_stage(here, "vocabulary")
    after = read_table(here.vocabulary / "registry.parquet")
    assert after[c.SKU].tolist() == [*before[c.SKU], "0NEW"]
    assert report.rows["new"] == 1
    space = here.registry / "versions" / "aaa" / "vocabulary" / "title_space.safetensors"
    assert content_hash(here.vocabulary / "title_space.safetensors") == content_hash(space)


def test_an_unknown_parent_is_named(prepared_workspace: Workspace) -> None:
    change_params(prepared_workspace.params_file, {"lineage.parent": "lost"})
    with pytest.raises(RegistryError, match="version lost"):
        run_stage(prepared_workspace, "vocabulary")


def test_another_sentence_encoder_is_another_space(prepared_workspace: Workspace, tiny_encoder: Path) -> None:
    here = prepared_workspace
    here.recommender.mkdir(parents=True)
    change_params(here.params_file, {"vocabulary.sentence_encoder": str(tiny_encoder)})
    run_stage(here, "vocabulary")
    width = read_json(here.vocabulary / "vocabulary.json")["width"]
    assert width == 32 + 16  # the base model's channels, then the encoder's
    assert (here.vocabulary / "LICENCE-NOTE.txt").exists()
    space = here.vocabulary / "title_space.safetensors"
    store(here, "aaa", {})
    before = content_hash(space)
    change_params(here.params_file, {"lineage.parent": "aaa"})
    run_stage(here, "vocabulary")
    assert content_hash(space) == before
    change_params(here.params_file, {"vocabulary.sentence_tokens": 3})
    run_stage(here, "vocabulary")
    assert content_hash(space) != before
