"""A vector from an article's words: what an SKU means before anyone has bought it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save_file
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits
from tokenizers import Tokenizer
from tqdm import tqdm

Floats = npt.NDArray[np.float32]

# Fewer titles have no direction in common that further ones would share.
_TELLING = 10


def word_presence(texts: list[str], tokenizer: Tokenizer, words: int, batch: int = 4096) -> csr_matrix:
    """Which subwords each text holds: ``(n, V)`` of zeros and ones."""
    tokens: list[npt.NDArray[np.int32]] = []
    for start in tqdm(range(0, len(texts), batch), desc="reading titles", unit="batch", leave=False):
        for encoding in tokenizer.encode_batch(texts[start : start + batch], add_special_tokens=False):
            tokens.append(np.unique(np.asarray(encoding.ids, dtype=np.int32)))
    indices = np.concatenate(tokens) if tokens else np.empty(0, dtype=np.int32)
    pointers = np.concatenate([[0], np.cumsum([len(unique) for unique in tokens])])
    return csr_matrix((np.ones(len(indices), dtype=np.float32), indices, pointers), shape=(len(texts), words))


@dataclass(frozen=True)
class TitleSpace:
    """How words become title vectors; kept with the registry, so the space never moves.

    An SKU's title vector is the same in every retrain as long as its title is.

    Subword embeddings share a large common direction; subtracting the mean title, and then the direction in
    which titles differ most, leaves what tells articles apart (Arora et al., ICLR 2017, A simple but
    tough-to-beat baseline for sentence embeddings). Starting new rows at the vocabulary mean instead would
    collapse them.

    Parameters
    ----------
    idf
        ``(V,)``: ``log((1 + n) / (1 + df)) + 1``.
    centre
        ``(d,)``: mean of the known titles.
    common
        ``(d,)``: unit vector along which known titles differ most; zero where there are too few to tell.
    spread
        ``(1,)``: factor that brings titles to the s.d. of the base model's embeddings.
    """

    idf: Floats
    centre: Floats
    common: Floats
    spread: Floats

    @classmethod
    def fit(cls, presence: csr_matrix, embeddings: Floats) -> "TitleSpace":
        """Learn the space from the texts known before ``as_of``.

        Parameters
        ----------
        presence
            ``(n, V)`` of :func:`word_presence`.
        embeddings
            ``(V, d)``: the base model's input embeddings.
        """
        frequency = np.asarray(presence.sum(axis=0)).ravel()
        idf = (np.log((1 + presence.shape[0]) / (1 + frequency)) + 1).astype(np.float32)
        means = _weighted_means(presence, idf, embeddings)
        centre = means.mean(axis=0)
        common = _main_direction(means - centre)
        deviation = float(_without(means - centre, common).std())
        spread = float(embeddings.std()) / deviation if deviation > 0 else 1.0
        return cls(idf, centre, common, np.asarray([spread], dtype=np.float32))

    def fits(self, embeddings: Floats) -> bool:
        """Tell whether the space was learned over as many words, of the same width, as ``embeddings`` has."""
        return (len(self.idf), len(self.centre)) == embeddings.shape

    def vectors(self, presence: csr_matrix, embeddings: Floats) -> Floats:
        """IDF-weighted means of subword embeddings, without what all share, scaled: ``(n, d)``, float32."""
        means = _weighted_means(presence, self.idf, embeddings)
        return _without(means - self.centre, self.common) * self.spread

    def save(self, path: Path) -> None:
        """Write as safetensors."""
        save_file(
            {"idf": self.idf, "centre": self.centre, "common": self.common, "spread": self.spread}, path
        )

    @classmethod
    def load(cls, path: Path) -> "TitleSpace":
        """Read what :meth:`save` wrote."""
        return cls(**load_file(path))


def _main_direction(centred: Floats) -> Floats:
    """Find the first principal direction ``(d,)`` of centred rows ``(n, d)``; zero for fewer than 10 rows."""
    if len(centred) < _TELLING:
        return np.zeros(centred.shape[1], np.float32)
    with threadpool_limits(1):  # the same bytes on any number of cores
        covariance = centred.T.astype(np.float64) @ centred
        direction: Floats = np.linalg.eigh(covariance)[1][:, -1].astype(np.float32)
    return direction


def _without(rows: Floats, direction: Floats) -> Floats:
    left: Floats = rows - np.outer(rows @ direction, direction)
    return left


def _weighted_means(presence: csr_matrix, idf: Floats, embeddings: Floats) -> Floats:
    weights = presence.multiply(idf).tocsr().astype(np.float32)
    totals = np.asarray(weights.sum(axis=1)).ravel()
    return np.asarray(weights @ embeddings, dtype=np.float32) / np.maximum(totals, 1e-6)[:, None]
