"""Semantic ids: words that like titles share the beginning of, by residual k-means.

The idea of TIGER (arXiv 2305.05065), with residual k-means instead of a trained RQ-VAE: codes of the first
level are clusters of title vectors, those of the next one clusters of what the first leaves unexplained.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from sklearn.cluster import MiniBatchKMeans
from threadpoolctl import threadpool_limits

from rec_assets.errors import RegistryError
from rec_assets.generation.item_tokens import Arrays, Floats, Ints, check_longer

ROWS_AT_ONCE = 16_384


@dataclass(frozen=True)
class SemanticTokens:
    """Codes of ``levels`` clusterings, and a last token that tells apart SKUs with the same codes.

    Parameters
    ----------
    centroids
        ``(levels, k, d)``: what a code stands for.
    ties
        Tokens for the last place.
    words
        ``(n, levels + 1)``: code at each level and number of the tie, from 0.
    """

    centroids: Floats
    ties: int
    words: Ints
    scheme: str = "semantic"

    @classmethod
    def fit(
        cls,
        titles: Floats,
        levels: int = 3,
        codes: int = 256,
        ties: int = 256,
        seed: int = 0,
        known: Ints | None = None,
    ) -> "SemanticTokens":
        """Cluster the titles and give each SKU its word.

        Parameters
        ----------
        titles
            ``(n, d)``: title vectors, in the order of the registry.
        levels
            Clusterings, one token each.
        codes
            Clusters ``k`` at each level; fewer where fewer titles differ.
        ties
            SKUs that may share their codes; more of them get the codes of the next nearest cluster.
        seed
            Of the clusterings.
        known
            Rows of ``titles`` that may shape the clusters (articles of later must not); None: all.
        """
        left = (titles if known is None else titles[known]).astype(np.float32).copy()
        centroids = []
        clusters = min(codes, len(np.unique(left, axis=0)))
        # Sums in another order could move a title that lies between two clusters.
        with threadpool_limits(1):
            for level in range(levels):
                means = MiniBatchKMeans(
                    clusters, random_state=seed + level, batch_size=4096, n_init=3, compute_labels=False
                ).fit(left)
                centres = means.cluster_centers_.astype(np.float32)
                centroids.append(centres)
                for start in range(0, len(left), ROWS_AT_ONCE):
                    part = left[start : start + ROWS_AT_ONCE]
                    part -= centres[_distances(part, centres).argmin(axis=1)]
        empty = cls(np.stack(centroids), ties, np.empty((0, levels + 1), dtype=np.int64))
        return empty.extended(titles)

    @property
    def size(self) -> int:
        """Number of id tokens: ``levels * k + ties``."""
        levels, clusters, _ = self.centroids.shape
        return levels * clusters + self.ties

    @property
    def codes(self) -> Ints:
        """``(n, levels + 1)``: place ``p`` has the tokens from ``p * k`` on."""
        return self.words + np.arange(self.words.shape[1]) * self.centroids.shape[1]

    def extended(self, titles: Floats) -> "SemanticTokens":
        """Quantise the titles of new SKUs with the clusters that are there.

        Raises
        ------
        RegistryError
            When the registry became shorter, or too many titles are alike.
        """
        known = len(self.words)
        check_longer(known, len(titles))
        taken = Counter(map(tuple, self.words[:, :-1].tolist()))
        new = [
            self._words(titles[start : start + ROWS_AT_ONCE], taken)
            for start in range(known, len(titles), ROWS_AT_ONCE)
        ]
        return SemanticTokens(self.centroids, self.ties, np.concatenate([self.words, *new]))

    def _words(self, titles: Floats, taken: Counter[tuple[int, ...]]) -> Ints:
        levels = len(self.centroids)
        left = titles.astype(np.float32).copy()
        words = np.empty((len(titles), levels + 1), dtype=np.int64)
        with threadpool_limits(1):
            for level in range(levels - 1):
                words[:, level] = _distances(left, self.centroids[level]).argmin(axis=1)
                left -= self.centroids[level][words[:, level]]
            nearest = np.argsort(_distances(left, self.centroids[-1]), axis=1, kind="stable")  # (b, k)
        for word, order in zip(words, nearest, strict=True):
            start = tuple(word[: levels - 1].tolist())
            code = next((code for code in order.tolist() if taken[(*start, code)] < self.ties), None)
            if code is None:
                raise RegistryError(
                    f"More than {self.ties * len(order):,} titles are alike: the semantic ids are used up.",
                    "Take more ties or codes, or another scheme of item tokens.",
                )
            word[-2:] = code, taken[(*start, code)]
            taken[(*start, code)] += 1
        return words

    def arrays(self) -> Arrays:
        """Give clusters and words."""
        return {"centroids": self.centroids, "ties": np.asarray([self.ties]), "words": self.words}


def _distances(rows: Floats, centres: Floats) -> Floats:
    """Squared distances ``(b, k)``, but for a constant of each row."""
    return np.asarray((centres**2).sum(axis=1) - 2 * rows @ centres.T)
