"""Solved examples before every prompt."""

from collections.abc import Sequence

import numpy as np

from rec_assets.heads.language_model import LanguageModel
from rec_assets.heads.states import TEXT_TOKENS


def choose_demonstrations(
    texts: Sequence[str], targets: np.ndarray, per_label: int, seed: int
) -> list[tuple[str, int]]:
    """Choose ``per_label`` examples of every label, shuffled together.

    The order matters to a language model, and the last examples matter most: labels alternate in rounds, each
    round in an order of its own.

    Parameters
    ----------
    texts
        N texts.
    targets
        Their labels' indices, (N,).
    per_label
        Examples of each label; a label with fewer gives what it has.
    seed
        Of the choice and the order.

    Returns
    -------
    list of (str, int)
        Text and label index.
    """
    random = np.random.default_rng(seed)
    chosen = {
        int(label): random.permutation(np.flatnonzero(targets == label))[:per_label]
        for label in np.unique(targets)
    }
    return [
        (texts[int(chosen[label][turn])], int(label))
        for turn in range(per_label)
        for label in random.permutation(list(chosen)).tolist()
        if turn < len(chosen[label])
    ]


def demonstration_tokens(
    language: LanguageModel, written: Sequence[str], text_tokens: int = TEXT_TOKENS
) -> tuple[int, ...]:
    """Write solved examples as the tokens that come before a prompt, the tokenizer's first token included.

    Parameters
    ----------
    language
        Whose tokenizer writes.
    written
        The examples as text; each is cut to its first ``text_tokens`` and its last 16 tokens.
    text_tokens
        See above.
    """
    tokenizer = language.tokenizer
    tokens = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
    for example in written:
        ids = tokenizer.encode(example, add_special_tokens=False, split_special_tokens=True)
        tokens += ids if len(ids) <= text_tokens + 16 else [*ids[:text_tokens], *ids[-16:]]
    return tuple(tokens)
