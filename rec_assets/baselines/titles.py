"""Neighbours in words: what reads like the customer's last purchases."""

import re

import numpy as np
from scipy.sparse import csr_array
from sklearn.feature_extraction.text import TfidfVectorizer

from rec_assets.baselines.base import Baseline
from rec_assets.baselines.data import Floats, Integers, Purchases

RECENT = 5  # purchases that speak for a customer
WORD = r"(?u)\b\w+\b"  # one-letter words too: a title may be a single letter


class TitleNeighbours(Baseline):
    """Mean TF-IDF cosine between an SKU's text and the customer's last five purchases.

    The only baseline that can rank SKUs nobody has bought yet. No opinion on texts without a common word.
    """

    def unsuited(self, data: Purchases) -> str | None:
        """Texts without a single word give no vector."""
        return (
            None if any(re.search(WORD, text) for text in data.texts) else "no article has a word in its text"
        )

    def _fit(self, data: Purchases) -> None:
        vectoriser = TfidfVectorizer(token_pattern=WORD, sublinear_tf=True, dtype=np.float32)
        self._vectors = csr_array(vectoriser.fit_transform(data.texts))  # (N, words), unit rows
        self._transposed = csr_array(self._vectors.T)

    def _score(self, data: Purchases, customers: Integers) -> Floats:
        recent = [data.history(customer)[-RECENT:] for customer in customers.tolist()]
        lengths = np.array([len(skus) for skus in recent])
        weights = np.repeat(1 / lengths, lengths).astype(np.float32)
        bounds = np.concatenate([[0], np.cumsum(lengths)])
        picked = csr_array((weights, np.concatenate(recent), bounds), shape=(len(recent), len(data.skus)))
        scores: Floats = ((picked @ self._vectors) @ self._transposed).toarray()  # (B, N)
        scores[scores <= 0] = -np.inf
        return scores
