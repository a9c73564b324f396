"""Small transformers over SKU sequences: what SASRec and BERT4Rec share."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm
from transformers import PreTrainedModel

from rec_assets.baselines.base import Baseline
from rec_assets.baselines.data import Floats, Integers, Purchases
from rec_assets.baselines.threads import torch_threads

LENGTH = 50  # newest purchases a model reads, as in both papers' short-sequence settings
LAYERS = 2
HEADS = 2
BATCH_POSITIONS = 1024  # bounds the logits: positions x SKUs
EPOCH_STEPS = 32  # a small shop gets smaller batches
LEARNING_RATE = 2e-3
INITIAL_SD = 0.1  # near 1 / sqrt(width): SKU vectors start apart, so an SKU answers itself from the start
WEIGHT_DECAY = 0.01
PATIENCE = 4  # epochs without a better validation NDCG@10
JUDGED = 1000  # validation customers an epoch is judged on
CUTOFF = 10
SHARED_WORK = (
    4096  # sold SKUs from which a step is large enough for threads to gain on waiting for each other
)


class Case(NamedTuple):
    """A validation customer: tokens before the window, tokens bought in it, basket size."""

    history: Integers
    targets: Integers
    basket: int


class Sequential(Baseline):
    """A transformer trained on purchases before the validation window, stopped by NDCG@10 inside it.

    The softmax covers the ``V`` SKUs sold before the validation window; other SKUs get no opinion, so a
    catalogue of any size costs only what has been sold. Ranking reads the history up to ``as_of``.

    Parameters
    ----------
    width
        Size of the hidden states.
    epochs
        Passes over the purchases at most.
    seed
        Seeds weights, batches, dropout and masks.
    threads
        Threads for steps over a large catalogue; a small one is computed by a single thread.
    """

    def __init__(self, width: int, epochs: int, seed: int, threads: int = 1) -> None:
        self.width = width
        self.epochs = epochs
        self.seed = seed
        self.threads = threads
        self.validation: list[float] = []

    @abstractmethod
    def _network(self, vocabulary: int) -> PreTrainedModel:
        """Build a transformer over ``vocabulary`` SKUs and two special tokens, for ``LENGTH + 1`` places."""

    @abstractmethod
    def _loss(self, rows: Tensor) -> Tensor:
        """Mean cross-entropy over rows of tokens padded on the right, shape ``(B, T)``."""

    @abstractmethod
    def _next(self, rows: Tensor, lengths: Tensor) -> Tensor:
        """Logits of the next SKU, ``(B, V)``, for padded rows ``(B, T)`` of ``lengths`` ``(B,)`` tokens."""

    @property
    def padding(self) -> int:
        """Token after the end of a row."""
        return len(self._sold)

    @property
    def mask(self) -> int:
        """Token in place of an SKU to guess."""
        return len(self._sold) + 1

    def _items(self) -> Tensor:
        """SKU vectors, shared by input and softmax: ``(V, d)``."""
        return self.network.get_input_embeddings().weight[: self.padding]

    def _fit(self, data: Purchases) -> None:
        self._sold = np.unique(data.sku[data.in_training])  # (V,) SKU number of each token
        self._tokens = np.full(len(data.skus), -1, np.int64)
        self._tokens[self._sold] = np.arange(len(self._sold))
        random = np.random.default_rng(self.seed)
        sequences, cases = self._cut(data, random)
        with torch.random.fork_rng(devices=[]), self._threads():
            torch.manual_seed(self.seed)
            self.network = self._network(len(self._sold))
            self._train(sequences, cases, random)

    def _cut(self, data: Purchases, random: np.random.Generator) -> tuple[list[Integers], list[Case]]:
        """Cut histories into validation cases and rows of ``LENGTH + 1`` tokens, one shared with the next."""
        rows: list[Integers] = []
        cases: list[Case] = []
        for customer in range(len(data.customers)):
            span = slice(data.starts[customer], data.starts[customer + 1])
            training = data.in_training[span]
            history = self._tokens[data.sku[span][training]]
            for end in range(len(history), 1, -LENGTH):
                rows.append(history[max(0, end - LENGTH - 1) : end])
            basket = np.unique(data.sku[span][~training])
            if len(history) and len(basket):
                tokens = self._tokens[basket]
                cases.append(Case(history, tokens[tokens >= 0], len(basket)))
        if len(cases) > JUDGED:
            cases = [cases[i] for i in np.sort(random.choice(len(cases), JUDGED, replace=False))]
        return rows, cases

    def _train(self, rows: list[Integers], cases: list[Case], random: np.random.Generator) -> None:
        optimiser = torch.optim.AdamW(
            self.network.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY, betas=(0.9, 0.98)
        )
        best, best_epoch, kept = -1.0, 0, self._weights()
        self.validation = []
        positions = sum(map(len, rows)) // EPOCH_STEPS
        positions = min(max(positions, 16), BATCH_POSITIONS)
        bar = tqdm(range(self.epochs), desc=type(self).__name__, unit="epoch", leave=False)
        for epoch in bar:
            self.network.train()
            for batch in buckets([len(row) for row in rows], positions, random):
                loss = self._loss(self._padded([rows[i] for i in batch])[0])
                optimiser.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
                optimiser.step()
            if not cases:
                kept = self._weights()
                continue
            self.validation.append(self._ndcg(cases))
            bar.set_postfix({f"NDCG@{CUTOFF}": f"{self.validation[-1]:.4f}"})
            if self.validation[-1] > best:
                best, best_epoch, kept = self.validation[-1], epoch, self._weights()
            elif epoch - best_epoch >= PATIENCE:
                break
        bar.close()
        self.network.load_state_dict(kept)
        self.network.eval()

    def _threads(self) -> AbstractContextManager[None]:
        return torch_threads(self.threads if len(self._sold) >= SHARED_WORK else 1)

    def _weights(self) -> dict[str, Tensor]:
        return {name: value.clone() for name, value in self.network.state_dict().items()}

    def _ndcg(self, cases: Sequence[Case]) -> float:
        """Mean NDCG@10 of the next basket over all sold SKUs, bought ones included."""
        self.network.eval()
        discounts = 1 / np.log2(np.arange(2, CUTOFF + 2))
        total = 0.0
        for batch, logits in self._logits([case.history for case in cases]):
            ranked = logits.topk(min(CUTOFF, logits.shape[1])).indices.numpy()
            for i, top in zip(batch, ranked, strict=True):
                gain = discounts[: len(top)][np.isin(top, cases[i].targets)].sum()
                total += gain / discounts[: min(CUTOFF, cases[i].basket)].sum()
        return total / len(cases)

    def _score(self, data: Purchases, customers: Integers) -> Floats:
        scores = np.full((len(customers), len(data.skus)), -np.inf, np.float32)
        histories = [self._tokens[data.history(customer)] for customer in customers.tolist()]
        histories = [tokens[tokens >= 0] for tokens in histories]
        readable = np.flatnonzero([len(tokens) > 0 for tokens in histories])
        with self._threads():
            for batch, logits in self._logits([histories[i] for i in readable]):
                scores[np.ix_(readable[batch], self._sold)] = logits.numpy()
        return scores

    @torch.no_grad()
    def _logits(self, histories: Sequence[Integers]) -> Iterator[tuple[Integers, Tensor]]:
        newest = [tokens[-LENGTH:] for tokens in histories]
        for batch in buckets([len(tokens) for tokens in newest], BATCH_POSITIONS * 8):
            yield batch, self._next(*self._padded([newest[i] for i in batch]))

    def _padded(self, rows: Sequence[Integers]) -> tuple[Tensor, Tensor]:
        """Pad on the right; gives rows ``(B, T)`` and their lengths ``(B,)``."""
        tensors = [torch.from_numpy(row) for row in rows]
        padded = nn.utils.rnn.pad_sequence(tensors, batch_first=True, padding_value=self.padding)
        return padded, torch.tensor([len(row) for row in rows])


def buckets(
    lengths: Sequence[int], positions: int, random: np.random.Generator | None = None
) -> list[Integers]:
    """Group rows of similar length into batches of at most ``positions`` padded places.

    With ``random``, rows of equal length are mixed and batches come in random order.

    Examples
    --------
    >>> [batch.tolist() for batch in buckets([3, 1, 3, 2], positions=6)]
    [[1, 3], [0, 2]]
    """
    sizes = np.asarray(lengths, np.int64)
    order = np.arange(len(sizes)) if random is None else random.permutation(len(sizes))
    order = order[np.argsort(sizes[order], kind="stable")]
    batches: list[Integers] = []
    start = 0
    for end in range(1, len(order) + 1):
        # Sorted: the row that would join is the longest of the batch.
        if end == len(order) or (end + 1 - start) * sizes[order[end]] > positions:
            batches.append(order[start:end])
            start = end
    if random is None:
        return batches
    return [batches[i] for i in random.permutation(len(batches))]


def cross_entropy(hidden: Tensor, items: Tensor, targets: Tensor) -> Tensor:
    """Softmax over all SKUs with tied vectors: hidden ``(M, d)``, items ``(V, d)``, targets ``(M,)``."""
    return nn.functional.cross_entropy(hidden @ items.T, targets)
