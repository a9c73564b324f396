"""The label head before any training: rows of the label words, of one word a label or of several."""

from collections.abc import Sequence
from typing import Any

import torch

from rec_assets.backbone.trim import TrimmedDecoder
from rec_assets.heads.label_head import LabelHead

Words = Sequence[str | Sequence[str]]


def starting_head(
    model: Any, tokenizer: Any, words: Words | None, labels: Sequence[str], prompt: str
) -> LabelHead:
    """Cut a model's head down to the words of n labels.

    A label of several words starts from the mean of their rows and biases: the direction they share.

    Parameters
    ----------
    model, tokenizer
        A causal language model.
    words
        A word, or a list of some, for each label; none: the labels' own names.
    labels
        The n labels.
    prompt
        Template with the field ``{text}``.
    """
    own = [[one] if isinstance(one, str) else list(one) for one in words or labels]
    head = LabelHead.from_label_words(model, tokenizer, [word for part in own for word in part], prompt)
    sizes, cut = [len(part) for part in own], head.decoder
    if max(sizes) == 1:
        return head  # the very rows
    assert cut.bias is not None  # from_label_words always gives one
    decoder = TrimmedDecoder(
        torch.stack([part.mean(dim=0) for part in cut.weight.detach().split(sizes)]),
        torch.stack([part.mean() for part in cut.bias.detach().split(sizes)]),
        torch.stack([part[0] for part in cut.token_ids.split(sizes)]),
        cut.scaling,
        cut.full_rows,
    )
    return LabelHead(decoder, [part[0] for part in own], prompt)
