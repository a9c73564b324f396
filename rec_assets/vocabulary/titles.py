"""A vector from an article's words: what an SKU means before anyone has bought it."""

from dataclasses import dataclass, fields
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
class Centring:
    """What all vectors share taken out, and what is left brought to one scale.

    Embeddings of texts share a large common direction; subtracting the mean, and then the direction in
    which they differ most, leaves what tells articles apart (Arora et al., ICLR 2017, A simple but
    tough-to-beat baseline for sentence embeddings).

    Parameters
    ----------
    centre
        ``(d,)``: mean of the known vectors.
    common
        ``(d,)``: unit vector along which they differ most; zero where there are too few to tell.
    spread
        ``(1,)``: factor that brings what is left to the wanted s.d.
    """

    centre: Floats
    common: Floats
    spread: Floats

    @classmethod
    def fit(cls, rows: Floats, deviation: float) -> "Centring":
        """Learn from rows ``(n, d)`` what brings them to an s.d. of ``deviation``."""
        centre = rows.mean(axis=0)
        common = _main_direction(rows - centre)
        found = float(_without(rows - centre, common).std())
        spread = deviation / found if found > 0 else 1.0
        return cls(centre, common, np.asarray([spread], dtype=np.float32))

    def __call__(self, rows: Floats) -> Floats:
        """Centre and scale rows ``(n, d)``."""
        return _without(rows - self.centre, self.common) * self.spread


@dataclass(frozen=True)
class TitleSpace:
    """How words become title vectors; kept with the registry, so the space never moves.

    An SKU's title vector is the same in every retrain as long as its title is. Starting new rows at the
    vocabulary mean instead would collapse them.

    Parameters
    ----------
    idf
        ``(V,)``: ``log((1 + n) / (1 + df)) + 1``.
    subwords
        Of the means of the base model's embeddings, ``d`` channels.
    sentences
        Of a sentence encoder's vectors, ``e`` channels that stand beside them; None: there are none.
    """

    idf: Floats
    subwords: Centring
    sentences: Centring | None = None

    @classmethod
    def fit(cls, presence: csr_matrix, embeddings: Floats, sentences: Floats | None = None) -> "TitleSpace":
        """Learn the space from the texts known before ``as_of``.

        Parameters
        ----------
        presence
            ``(n, V)`` of :func:`word_presence`.
        embeddings
            ``(V, d)``: the base model's input embeddings.
        sentences
            ``(n, e)``: a sentence encoder's vectors.
        """
        frequency = np.asarray(presence.sum(axis=0)).ravel()
        idf = (np.log((1 + presence.shape[0]) / (1 + frequency)) + 1).astype(np.float32)
        deviation = float(embeddings.std())
        return cls(
            idf,
            Centring.fit(_weighted_means(presence, idf, embeddings), deviation),
            None if sentences is None else Centring.fit(sentences, deviation),
        )

    def fits(self, embeddings: Floats, sentences: Floats | None = None) -> bool:
        """Tell whether the space was learned over as many words and channels as there are now."""
        beside = 0 if sentences is None else sentences.shape[1]
        own = 0 if self.sentences is None else len(self.sentences.centre)
        return (len(self.idf), len(self.subwords.centre), own) == (*embeddings.shape, beside)

    def vectors(self, presence: csr_matrix, embeddings: Floats, sentences: Floats | None = None) -> Floats:
        """Title vectors ``(n, d + e)``, float32, each channel at about the s.d. of the embeddings.

        The IDF-weighted means of subword embeddings, then the sentence encoder's vectors.
        """
        means = self.subwords(_weighted_means(presence, self.idf, embeddings))
        if self.sentences is None or sentences is None:
            return means
        return np.hstack([means, self.sentences(sentences)])

    def save(self, path: Path) -> None:
        """Write as safetensors."""
        parts = {"subwords": self.subwords, "sentences": self.sentences}
        tensors = {
            f"{name}.{key}": value
            for name, part in parts.items()
            if part is not None
            for key, value in vars(part).items()
        }
        save_file({"idf": self.idf} | tensors, path)

    @classmethod
    def load(cls, path: Path) -> "TitleSpace":
        """Read what :meth:`save` wrote."""
        tensors = load_file(path)
        keys = [field.name for field in fields(Centring)]
        parts = [
            Centring(*(tensors[f"{name}.{key}"] for key in keys)) if f"{name}.{keys[0]}" in tensors else None
            for name in ("subwords", "sentences")
        ]
        assert parts[0] is not None
        return cls(tensors["idf"], parts[0], parts[1])


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
