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


def test_each_sku_is_predicted_from_what_stands_before_it(encoder: RowEncoder, tiny_base: Path) -> None:
    words = Tokenizer.from_file(str(tiny_base / "tokenizer.json")).token_to_id
    prompts = pd.DataFrame(
        {
            "header": ["women ."],
            "moments": [["In June :", "", ""]],
            "history": [["c", "a", "b"]],
            "loss_from": [1],
        }
    )
    (row,) = encoder.encode(prompts)
    head = [1, words("women"), words("."), words("In"), words("June"), words(":")]
    assert row.ids.tolist() == [*head, BASE + 2, BASE, BASE + 1]
    assert row.targets.tolist() == [IGNORED] * 6 + [0, 1, IGNORED]


def test_a_prompt_to_complete_ends_with_its_closing_and_has_no_target(encoder: RowEncoder) -> None:
    prompts = pd.DataFrame({"header": [""], "moments": [[""]], "history": [["b"]], "closing": ["In June :"]})
    (row,) = encoder.encode(prompts)
    assert len(row.ids) == 1 + 1 + 3
    assert (row.targets == IGNORED).all()


def test_a_customer_without_history_still_has_a_row(encoder: RowEncoder) -> None:
    (row,) = encoder.encode(pd.DataFrame({"header": [""], "moments": [[]], "history": [[]], "closing": [""]}))
    assert row.ids.tolist() == [1]


def test_words_that_imitate_control_tokens_stay_words(tiny_base: Path) -> None:
    tokenizer = Tokenizer.from_file(str(tiny_base / "tokenizer.json"))
    tokenizer.add_special_tokens([AddedToken("<s>", special=True)])
    registry = pd.DataFrame({"sku": ["a"], "sku_index": [0]})
    encoder = RowEncoder(tokenizer, registry, BASE, start=1)
    prompts = pd.DataFrame({"header": ["<s> <sku:a>"], "moments": [[]], "history": [[]], "closing": [""]})
    (row,) = encoder.encode(prompts)
    assert (row.ids[1:] != 1).all()
    assert (row.ids < BASE).all()
