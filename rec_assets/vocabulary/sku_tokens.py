"""SKU tokens in the base model's tokenizer, each under the id that the model knows it by."""

import json

import pandas as pd
from tokenizers import AddedToken, Tokenizer
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from rec_assets import columns as c
from rec_assets.errors import BaseModelError

_SPECIAL = ("bos_token", "eos_token", "unk_token", "pad_token")


def extend_tokenizer(
    tokenizer: PreTrainedTokenizerBase, words: int, registry: pd.DataFrame
) -> PreTrainedTokenizerBase:
    """Add SKU tokens so that SKU ``i`` has id ``words + i``.

    Many bases pad their embeddings to a round number of rows (Qwen, OPT), some tokenizers know added tokens
    that have no row (Gemma 3's images). So ids are filled up, or cut, to the rows first.

    Parameters
    ----------
    tokenizer
        The base model's, fast.
    words
        Rows ``V`` of the base model's embeddings.
    registry
        The SKU registry, ``n`` rows.

    Raises
    ------
    BaseModelError
        When the tokenizer's own vocabulary is larger than ``words``.
    """
    if len(tokenizer) > words:
        tokenizer = _without_rowless_tokens(tokenizer, words)
    fill = [f"<unused:{index}>" for index in range(len(tokenizer), words)]
    tokenizer.add_tokens([AddedToken(token, normalized=False, special=True) for token in fill])
    tokenizer.add_tokens([AddedToken(token, normalized=False, special=False) for token in registry[c.TOKEN]])
    return tokenizer


def _without_rowless_tokens(tokenizer: PreTrainedTokenizerBase, words: int) -> PreTrainedTokenizerBase:
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    state["added_tokens"] = [token for token in state["added_tokens"] if token["id"] < words]
    plain = Tokenizer.from_str(json.dumps(state))
    if plain.get_vocab_size() > words:
        raise BaseModelError(
            f"The base model's tokenizer has {plain.get_vocab_size():,} words, "
            f"its embeddings {words:,} rows.",
            "Take the tokenizer that belongs to these weights.",
        )
    special = {name: getattr(tokenizer, name) for name in _SPECIAL if getattr(tokenizer, name) is not None}
    return PreTrainedTokenizerFast(
        tokenizer_object=plain, chat_template=getattr(tokenizer, "chat_template", None), **special
    )
