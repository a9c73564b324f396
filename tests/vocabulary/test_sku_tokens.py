import pandas as pd
import pytest
from tokenizers import AddedToken, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from rec_assets.errors import BaseModelError
from rec_assets.vocabulary.sku_tokens import extend_tokenizer

WORDS = ["<unk>", "<s>", "red", "coat"]
REGISTRY = pd.DataFrame({"sku": ["7", "9"], "token": ["<sku:7>", "<sku:9>"]})


@pytest.fixture
def tokenizer():
    plain = Tokenizer(WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="<unk>"))
    plain.pre_tokenizer = Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=plain, unk_token="<unk>", bos_token="<s>")


@pytest.mark.parametrize("rows", [4, 10])
def test_a_token_has_the_id_of_its_row_also_behind_padded_embeddings(tokenizer, rows, tmp_path):
    extend_tokenizer(tokenizer, rows, REGISTRY).save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    assert loaded.convert_tokens_to_ids(["<sku:7>", "<sku:9>"]) == [rows, rows + 1]
    assert loaded.encode("red <sku:9> coat", add_special_tokens=False) == [2, rows + 1, 3]
    assert len(loaded) == rows + 2


def test_an_added_token_without_a_row_makes_room(tokenizer, tmp_path):
    tokenizer.add_tokens([AddedToken("<image>", special=True)])
    extend_tokenizer(tokenizer, 4, REGISTRY).save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    assert loaded.convert_tokens_to_ids(["<sku:7>", "<sku:9>"]) == [4, 5]
    assert (loaded.bos_token, loaded.unk_token) == ("<s>", "<unk>")


def test_a_tokenizer_of_other_weights_is_refused(tokenizer):
    with pytest.raises(BaseModelError, match="4 words, its embeddings 3 rows"):
        extend_tokenizer(tokenizer, 3, REGISTRY)
