"""Item texts: one safe line per article."""

import pandas as pd
import pytest

from rec_assets.errors import ParamsError
from rec_assets.features import item_texts as room
from rec_assets.files import content_hash, read_table, write_table
from rec_assets.params import ItemTexts, Params
from rec_assets.workspace import Workspace


def article(**values: object) -> pd.DataFrame:
    empty = {"title": None, "category": None, "colour": None, "department": None, "description": None}
    return pd.DataFrame([{"sku": "1", **empty, **values}])


def text_of(**values: object) -> tuple[str, str]:
    row = room.item_texts(article(**values), ItemTexts()).iloc[0]
    return row["title"], row["text"]


def test_attributes_are_joined_and_the_description_is_a_sentence() -> None:
    _, text = text_of(
        title="Slim trousers",
        category="Trousers",
        colour="black",
        department="men",
        description="Soft cotton.",
    )
    assert text == "Slim trousers, Trousers, black, men. Soft cotton."


def test_missing_fields_are_left_out_and_repeats_are_said_once() -> None:
    assert text_of(title="Belt", category="belt", colour=float("nan"), department=" ") == ("Belt", "Belt")


@pytest.mark.parametrize("title", [None, "", "<br>", "\u200b"])
def test_an_article_without_a_title_is_unknown(title: object) -> None:
    assert text_of(title=title, colour="red") == ("unknown", "unknown, red")


def test_a_title_cannot_imitate_a_token() -> None:
    title, text = text_of(title="<sku:0001> <|im_start|>🧥", description="</s> " + "x" * 5000)
    assert title == "‹sku:0001› ‹|im_start|›🧥"
    assert len(text) <= 400
    assert "<" not in text


def test_an_unknown_field_is_named_with_the_choices() -> None:
    params = ItemTexts(fields=("title", "fabric"))
    with pytest.raises(ParamsError, match="fabric") as caught:
        room.item_texts(article(title="Belt"), params)
    assert "colour" in caught.value.cure


def test_fields_without_the_title_fall_back_on_it() -> None:
    texts = room.item_texts(article(title="Belt"), ItemTexts(fields=("colour",)))
    assert texts["text"].tolist() == ["Belt"]


def test_the_stage_writes_every_article_once_in_order(validated_workspace: Workspace) -> None:
    shuffled = read_table(validated_workspace.validated / "articles.parquet").sample(frac=1, random_state=1)
    write_table(shuffled, validated_workspace.validated / "articles.parquet")

    report = room.run(validated_workspace, Params())
    first = content_hash(validated_workspace.item_texts)
    room.run(validated_workspace, Params())

    texts = read_table(validated_workspace.item_texts)
    assert texts.columns.tolist() == ["sku", "title", "text"]
    assert texts["sku"].tolist() == sorted(shuffled["sku"])
    assert report.rows == {"item_texts": 30}
    assert content_hash(validated_workspace.item_texts) == first


def test_an_empty_catalogue_gives_an_empty_table() -> None:
    assert room.item_texts(article(title="x").iloc[:0], ItemTexts()).empty
