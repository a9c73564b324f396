"""What a person is shown is what the model reads, in its order."""

import pandas as pd
import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit

from rec_assets.prompts.show import prompt_text
from rec_assets.vocabulary.token_rows import RowEncoder

WORDS = ("<unk>", "<s>", "female", "March", "May", "June")
SKUS = ("A", "B", "C")


@pytest.mark.parametrize(
    ("moments", "history", "closing", "shown"),
    [
        (["March", "", "May"], ["A", "B", "C"], "June", "female March <sku:A> May <sku:B> June <sku:C>"),
        (["March", "May"], ["C", "A"], "", "female March May <sku:C> <sku:A>"),
        (["", ""], ["A", "A"], "", "female <sku:A> <sku:A>"),
        ([], [], "June", "female June"),
    ],
)
def test_the_order_is_the_models(moments: list[str], history: list[str], closing: str, shown: str) -> None:
    row = {"header": "female", "moments": moments, "history": history, "closing": closing}
    tokenizer = Tokenizer(WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    registry = pd.DataFrame({"sku": SKUS, "sku_index": range(len(SKUS))})
    (read,) = RowEncoder(tokenizer, registry, len(WORDS), start=1).encode(pd.DataFrame([row]))
    said = [*WORDS, *(f"<sku:{sku}>" for sku in SKUS)]
    assert [said[token] for token in read.ids] == ["<s>", *shown.split()]
    assert prompt_text(row) == shown
