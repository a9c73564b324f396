from pathlib import Path

import pandas as pd
import pytest
from tokenizers import AddedToken, Tokenizer

from rec_assets.vocabulary.token_rows import IGNORED, RowEncoder

BASE = 51


@pytest.fixture
def encoder(tiny_base: Path) -> RowEncoder:
    registry = pd.DataFrame({"sku": ["a", "b", "c"], "sku_index": [0, 1, 2]})
    tokenizer = Tokenizer.from_file(str(tiny_base / "tokenizer.json"))
    return RowEncoder(tokenizer, registry, BASE, start=1)


def test_each_sku_is_predicted_from_the_one_before_it_with_its_moment_announced(
    encoder: RowEncoder, tiny_base: Path
) -> None:
    words = Tokenizer.from_file(str(tiny_base / "tokenizer.json")).token_to_id
    prompts = pd.DataFrame(
        {
            "header": ["women ."],
            "moments": [["June", "", "In"]],
            "history": [["c", "a", "b"]],
            "loss_from": [0],
        }
    )
    (row,) = encoder.encode(prompts)
    assert row.ids.tolist() == [
        1,
        words("women"),
        words("."),
        words("June"),
        BASE + 2,
        words("In"),
        BASE,
        BASE + 1,
    ]
    assert row.targets.tolist() == [*[IGNORED] * 3, 2, 0, IGNORED, 1, IGNORED]


def test_context_bears_no_loss(encoder: RowEncoder) -> None:
    prompts = pd.DataFrame(
        {"header": [""], "moments": [["June", "", ""]], "history": [["c", "a", "b"]], "loss_from": [2]}
    )
    (row,) = encoder.encode(prompts)
    assert row.targets.tolist() == [IGNORED, IGNORED, IGNORED, 1, IGNORED]


def test_answers_take_the_place_of_the_history_as_targets(encoder: RowEncoder) -> None:
    prompts = pd.DataFrame(
        {
            "header": [""],
            "moments": [["", "", "", ""]],
            "history": [["c", "a", "b", "a"]],
            "loss_from": [1],
            "answers": [["c", "b", None, "younger"]],
        }
    )
    (row,) = encoder.encode(prompts)
    assert row.ids.tolist() == [1, BASE + 2, BASE, BASE + 1, BASE]
    assert row.targets.tolist() == [IGNORED, 1, *[IGNORED] * 3]


def test_a_prompt_to_complete_ends_with_its_last_sku_the_closing_before_it(
    encoder: RowEncoder, tiny_base: Path
) -> None:
    june = Tokenizer.from_file(str(tiny_base / "tokenizer.json")).token_to_id("June")
    prompts = pd.DataFrame(
        {"header": [""], "moments": [["", ""]], "history": [["b", "a"]], "closing": ["June"]}
    )
    (row,) = encoder.encode(prompts)
    assert row.ids.tolist() == [1, BASE + 1, june, BASE]
    assert (row.targets == IGNORED).all()


def test_a_customer_without_history_still_has_a_row(encoder: RowEncoder) -> None:
    (row,) = encoder.encode(pd.DataFrame({"header": [""], "moments": [[]], "history": [[]], "closing": [""]}))
    assert row.ids.tolist() == [1]


def test_a_moment_survives_an_sku_the_registry_lacks(encoder: RowEncoder, tiny_base: Path) -> None:
    words = Tokenizer.from_file(str(tiny_base / "tokenizer.json")).token_to_id
    prompts = pd.DataFrame(
        {
            "header": ["", ""],
            "moments": [["women", "", "In"], ["women", "In", ""]],
            "history": [["a", "b", "younger"], ["younger", "younger", "b"]],
            "closing": ["June", ""],
        }
    )
    first, second = encoder.encode(prompts)
    assert first.ids.tolist() == [1, words("women"), BASE, words("June"), BASE + 1]
    assert second.ids.tolist() == [1, words("In"), BASE + 1]


def test_words_that_imitate_control_tokens_stay_words(tiny_base: Path) -> None:
    tokenizer = Tokenizer.from_file(str(tiny_base / "tokenizer.json"))
    tokenizer.add_special_tokens([AddedToken("<s>", special=True)])
    registry = pd.DataFrame({"sku": ["a"], "sku_index": [0]})
    encoder = RowEncoder(tokenizer, registry, BASE, start=1)
    prompts = pd.DataFrame({"header": ["<s> <sku:a>"], "moments": [[]], "history": [[]], "closing": [""]})
    (row,) = encoder.encode(prompts)
    assert (row.ids[1:] != 1).all()
    assert (row.ids < BASE).all()
