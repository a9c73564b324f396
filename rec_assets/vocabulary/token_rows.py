"""From prompt rows to token ids: words through the base tokenizer, SKUs through the registry."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
import pandas as pd
from tokenizers import Tokenizer

from rec_assets import columns as c

IGNORED = -100
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class TokenRow:
    """One prompt as the model reads it.

    Parameters
    ----------
    ids
        ``(T,)``: token ids; ``base vocabulary size + sku_index`` stands for an SKU.
    targets
        ``(T,)``: the ``sku_index`` that position ``t`` has to predict, or -100 where there is none.
    """

    ids: Ints
    targets: Ints


class RowEncoder:
    """Turns prompt rows into token rows.

    A moment is announced one SKU early: ``header, moment of SKU 0, moment of SKU 1, SKU 0, moment of SKU 2,
    SKU 1, …, closing, last SKU``. So the answer is always read off the position of an SKU (of the header, for
    the first), whose residual stream already holds the vector that the answer is near to, while the month it
    is asked for has been said.

    Parameters
    ----------
    tokenizer
        The base model's tokenizer, without SKU tokens: a title that imitates one stays plain text.
    registry
        The SKU registry.
    base_size
        Size of the base model's vocabulary; SKU tokens follow it.
    start
        Id of the token that opens every row, so that even an empty history predicts from somewhere.
    """

    def __init__(self, tokenizer: Tokenizer, registry: pd.DataFrame, base_size: int, start: int) -> None:
        tokenizer.encode_special_tokens = True
        self._words: Callable[[str], list[int]] = cache(
            lambda text: tokenizer.encode(text, add_special_tokens=False).ids if text else []
        )
        self._index = dict(zip(registry[c.SKU], registry[c.SKU_INDEX], strict=True))
        self._base_size = base_size
        self._start = start

    def encode(self, prompts: pd.DataFrame) -> list[TokenRow]:
        """Encode rows of ``prompts/*.parquet``, in order.

        A training row (with ``loss_from``) has each SKU from there on as the target of the SKU before it;
        other rows have none, and are asked at their last position. Where training rows have ``answers``,
        those are the targets in the places of the history's SKUs; None, or an SKU the registry lacks, is no
        target.
        """
        trained = c.LOSS_FROM in prompts
        starts = prompts[c.LOSS_FROM] if trained else [0] * len(prompts)
        closings = [""] * len(prompts) if trained else prompts[c.CLOSING]
        answers = prompts[c.ANSWERS] if c.ANSWERS in prompts else prompts[c.HISTORY]
        return [
            self._row(header, moments, history, closing, int(start), answer if trained else None)
            for header, moments, history, closing, start, answer in zip(
                prompts[c.HEADER],
                prompts[c.MOMENTS],
                prompts[c.HISTORY],
                closings,
                starts,
                answers,
                strict=True,
            )
        ]

    def _row(
        self,
        header: str,
        moments: list[str],
        history: list[str],
        closing: str,
        loss_from: int,
        answers: list[str] | None,
    ) -> TokenRow:
        places, skus, announced = self._known(moments, history, closing)
        ids = [self._start, *self._words(header), *self._words(announced[0])]
        targets = [IGNORED] * len(ids)
        for place, index, moment in zip(places, skus, announced[1:], strict=True):
            if answers is not None and place >= loss_from:
                targets[-1] = self._index.get(answers[place], IGNORED)
            words = self._words(moment)
            ids.extend([*words, self._base_size + index])
            targets.extend([IGNORED] * (len(words) + 1))
        return TokenRow(np.asarray(ids, dtype=np.int64), np.asarray(targets, dtype=np.int64))

    def _known(
        self, moments: list[str], history: list[str], closing: str
    ) -> tuple[list[int], list[int], list[str]]:
        """Leave out SKUs younger than the registry of an older model; their moments are still said."""
        places, skus, said, unsaid = [], [], [], ""
        for place, (moment, sku) in enumerate(zip(moments, history, strict=True)):
            unsaid = moment or unsaid
            if sku in self._index:
                places.append(place)
                skus.append(self._index[sku])
                said.append(unsaid)
                unsaid = ""
        return places, skus, [*said, closing or unsaid]
