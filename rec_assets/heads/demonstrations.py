"""Solved examples before every prompt."""

from collections.abc import Sequence

import numpy as np

from rec_assets.heads.language_model import LanguageModel
from rec_assets.heads.opening import opening_tokens
from rec_assets.heads.prompts import TEXT
from rec_assets.heads.states import special_words, split_opening


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


def demonstration_tokens(language: LanguageModel, solved: Sequence[tuple[str, str]]) -> tuple[int, ...]:
    """Write solved examples as the tokens that come before a prompt, what opens every text included.

    Parameters
    ----------
    language
        Whose tokenizer writes.
    solved
        Prompts with the field ``{text}``, their answer included, and each one's text. Special tokens spelled
        in a text stay plain characters, as in :func:`rec_assets.heads.states.encode`.
    """
    tokenizer = language.tokenizer
    tokens = opening_tokens(tokenizer, solved[0][0].partition(TEXT)[0] if solved else "")
    for prompt, text in solved:
        before, _, after = prompt.partition(TEXT)
        opening, rest = split_opening(tokenizer, before)
        border = min((after.index(word) for word in special_words(tokenizer, after)), default=len(after))
        words = rest + text + after[:border]
        tokens += opening + tokenizer.encode(words, add_special_tokens=False, split_special_tokens=True)
        if after[border:]:
            tokens += tokenizer.encode(after[border:], add_special_tokens=False)
    return tuple(tokens)
