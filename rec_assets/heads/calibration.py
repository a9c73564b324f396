"""Take out what a model prefers before it has read anything.

A language model answers some words more readily than others, whatever the text. Its preference is measured on
texts that say nothing about the label and divided out of every answer.
"""

from collections.abc import Sequence
from typing import Any, Literal, Protocol, get_args

import numpy as np
from scipy.special import log_softmax, logsumexp

from rec_assets.heads.errors import HeadError

Calibration = Literal["contextual", "domain", "batch"]

CONTENT_FREE = ("N/A", "[MASK]", "")  # Zhao et al. 2021, section 5
_SAMPLES = 20  # random texts, Fei et al. 2023, section 4


class Scorer(Protocol):
    """Anything that scores labels for texts."""

    def scores(self, texts: Sequence[str]) -> np.ndarray:
        """Score N texts, (N, n): log-probabilities of the labels."""
        ...


def calibrate(scores: np.ndarray, prior: np.ndarray | None) -> np.ndarray:
    """Divide answers by the model's preference.

    Parameters
    ----------
    scores
        Log-probabilities of labels, (N, n).
    prior
        Log-probabilities the model gives without reading, (n,); none changes nothing.

    Returns
    -------
    ndarray
        Log-probabilities, (N, n).
    """
    shifted: np.ndarray = log_softmax(scores if prior is None else scores - prior, axis=1)
    return shifted


def mean_answer(scores: np.ndarray) -> np.ndarray:
    """Average answers as probabilities: log-probabilities (N, n) to the mean's logarithm (n,)."""
    mean: np.ndarray = logsumexp(log_softmax(scores, axis=1), axis=0) - np.log(len(scores))
    return mean


def find_prior(
    method: Calibration | None, scorer: Scorer, texts: Sequence[str] = (), seed: int = 0
) -> np.ndarray | None:
    """Measure a model's preference.

    Parameters
    ----------
    method
        ``contextual``: on content-free texts (Zhao et al. 2021, arXiv 2102.09690). ``domain``: on random
        words of the task's own texts (Fei et al. 2023, arXiv 2305.19148). ``batch``: on the texts themselves,
        whose labels are taken to be balanced (Zhou et al. 2023, arXiv 2309.17249). None: not at all.
    scorer
        Scores labels with the prompt in use.
    texts
        Unlabelled texts of the task, for ``domain`` and ``batch``.
    seed
        Of the random words.

    Returns
    -------
    ndarray or None
        Log-probabilities, (n,).

    Raises
    ------
    HeadError
        When the method is unknown, or needs texts and has none.
    """
    check_calibration(method)
    if method is None:
        return None
    if method == "contextual":
        return mean_answer(scorer.scores(CONTENT_FREE))
    if not len(texts):
        raise HeadError(
            f"The calibration {method!r} needs texts of the task.",
            "Give texts to fit, with labels or without, or choose contextual.",
        )
    chosen = random_texts(texts, _SAMPLES, seed) if method == "domain" else texts
    return mean_answer(scorer.scores(chosen))


def check_calibration(method: Any) -> None:
    """Refuse a calibration that there is none of.

    Raises
    ------
    HeadError
        Naming the choices.
    """
    if method is not None and method not in get_args(Calibration):
        raise HeadError(
            f"There is no calibration {method!r}.", f"Choose {', '.join(get_args(Calibration))} or None."
        )


def random_texts(texts: Sequence[str], count: int, seed: int) -> list[str]:
    """Make ``count`` texts of the mean length in words out of random words of ``texts``."""
    words = [word for text in texts for word in text.split()] or [""]
    length = max(1, round(len(words) / len(texts)))
    random = np.random.default_rng(seed)
    return [" ".join(words[i] for i in random.integers(len(words), size=length)) for _ in range(count)]
