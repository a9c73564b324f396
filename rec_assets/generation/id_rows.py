"""Token rows with one token a SKU, rewritten with the word of each SKU."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from rec_assets.generation.item_tokens import ItemTokens
from rec_assets.vocabulary.token_rows import IGNORED, RowEncoder, TokenRow


def with_item_tokens(rows: Iterable[TokenRow], words: int, tokens: ItemTokens) -> list[TokenRow]:
    """Write SKUs as words of id tokens.

    The first token of a word is predicted where the SKU was; each further one at the token before it. So
    every id token of a predicted SKU is a target once. Of an answer that the row does not go on with (a
    similar article, say) only the first token is: the rest of its word is nowhere to be read.

    Parameters
    ----------
    rows
        Rows in which id ``words + sku_index`` stands for an SKU.
    words
        Size of the base model's vocabulary.
    tokens
        The scheme; id token ``i`` gets id ``words + i``.
    """
    codes = tokens.codes
    return [_rewritten(row, words, codes) for row in rows]


class IdRowEncoder:
    """Writes prompts for a model of id tokens.

    Parameters
    ----------
    encoder
        Writes them with one token a SKU.
    words, tokens
        As for :func:`with_item_tokens`.
    """

    def __init__(self, encoder: RowEncoder, words: int, tokens: ItemTokens) -> None:
        self._encoder = encoder
        self._words = words
        self._tokens = tokens

    def encode(self, prompts: pd.DataFrame) -> list[TokenRow]:
        """Encode rows of ``prompts/*.parquet``, in order, as :meth:`RowEncoder.encode` does."""
        return with_item_tokens(self._encoder.encode(prompts), self._words, self._tokens)


def _rewritten(row: TokenRow, words: int, codes: np.ndarray) -> TokenRow:
    length = codes.shape[1]
    is_sku = row.ids >= words
    width = np.where(is_sku, length, 1)
    ends = np.cumsum(width) - 1  # (T,) where each old position's last token stands now
    ids = np.repeat(row.ids, width)
    spots = ends[is_sku][:, None] + np.arange(1 - length, 1)  # (S, L)
    own = codes[row.ids[is_sku] - words]  # (S, L)
    ids[spots] = own + words
    targets = np.full(len(ids), IGNORED, dtype=np.int64)
    asked = np.flatnonzero(row.targets != IGNORED)
    targets[ends[asked]] = codes[row.targets[asked], 0]
    # Most often a position asks for the next SKU in the row: then its word can be learnt whole.
    read = row.ids[is_sku] - words
    following = np.searchsorted(np.flatnonzero(is_sku), asked, side="right")
    there = following < len(read)
    whole = following[there][read[following[there]] == row.targets[asked[there]]]
    targets[spots[whole, :-1]] = own[whole, 1:]
    return TokenRow(ids, targets)
