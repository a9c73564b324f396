"""A few test rows of a head with what in their texts spoke for the answer, for the report."""

from collections.abc import Sequence
from typing import Any

import numpy as np

_SHOWN = 3


def explained_rows(
    classifier: Any, texts: Sequence[str], truth: Sequence[str], predicted: Sequence[str], seed: int
) -> list[dict[str, Any]]:
    """Explain a seeded choice of test rows by leaving out one word at a time; a mistake comes first.

    Returns
    -------
    list of dict
        ``text``, ``truth``, ``predicted``, and ``parts``: ``[word, offset, score]``; above 0 the word speaks
        for the prediction.
    """
    order = np.random.default_rng(seed).permutation(len(texts)).tolist()
    wrong = [place for place in order if truth[place] != predicted[place]][:1]
    chosen = [*wrong, *(place for place in order if truth[place] == predicted[place])][:_SHOWN]
    return [
        {
            "text": texts[place],
            "truth": truth[place],
            "predicted": predicted[place],
            "parts": [
                [part.token, part.offset, round(part.score, 4)]
                for part in classifier.explain(texts[place], predicted[place])
            ],
        }
        for place in chosen
    ]
