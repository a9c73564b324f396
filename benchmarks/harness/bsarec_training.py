"""Trains BSARec by its published recipe, an epoch at a time, so that a killed run goes on where it was."""

import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from harness.bsarec import BSARec
from harness.memory import peak_mb
from rec_assets.backbone.precision import choose_precision
from rec_assets.baselines.base import Baseline
from rec_assets.baselines.data import Floats, Integers, Purchases

CUTOFF = 10
ROWS_AT_ONCE = 512  # when ranking


@dataclass(frozen=True)
class Recipe:
    """The published recipe; ``weight_decay`` is the L2 penalty of Adam, not AdamW's.

    ``bf16``, the format of products while training, is not in it; ranking is in float32.
    """

    epochs: int = 200
    patience: int = 20
    learning_rate: float = 1e-4
    weight_decay: float = 1e-4
    batch: int = 256
    length: int = 50
    dropout: float = 0.5
    attention_dropout: float = 0.0
    bf16: bool = field(default_factory=lambda: choose_precision() is torch.bfloat16)


def left_padded(histories: list[Integers], length: int) -> Tensor:
    """Put the newest ``length`` SKUs at the right end of rows ``(B, T)``; token 0 is padding."""
    rows = np.zeros((len(histories), length), np.int32)
    for row, history in zip(rows, histories, strict=True):
        if newest := len(history[-length:]):
            row[-newest:] = history[-length:] + 1
    return torch.from_numpy(rows)


def prefixes(sequences: list[Integers], length: int) -> tuple[Tensor, Tensor]:
    """Make every prefix a row: tokens ``(M, T)`` and the SKU that came next, ``(M,)``."""
    histories, targets = [], []
    for sequence in sequences:
        for end in range(1, len(sequence)):
            histories.append(sequence[max(0, end - length) : end])
            targets.append(sequence[end])
    return left_padded(histories, length), torch.tensor(np.array(targets, np.int64))


class BSARecBaseline(Baseline):
    """BSARec behind the call that all baselines answer.

    Parameters
    ----------
    recipe
        How it is trained.
    seed
        Seeds weights, order of rows and dropout.
    checkpoint
        File that holds the run after each epoch, as safetensors.
    """

    def __init__(self, recipe: Recipe, seed: int, checkpoint: Path) -> None:
        self.recipe = recipe
        self.seed = seed
        self.checkpoint = checkpoint
        self.curve: list[float] = []
        self.best_epoch = -1
        self.resumed_seconds = 0.0
        self.resumed_peak_mb = 0

    @property
    def parameters(self) -> int:
        """Learned numbers."""
        return sum(value.numel() for value in self.network.parameters())

    def _fit(self, data: Purchases) -> None:
        begun = time.perf_counter()
        sequences, targets = _sequences(data)
        rows, following = prefixes(sequences, self.recipe.length)
        judged = left_padded(sequences, self.recipe.length)
        torch.manual_seed(self.seed)
        self.network = BSARec(
            len(data.skus),
            self.recipe.length,
            dropout=self.recipe.dropout,
            attention_dropout=self.recipe.attention_dropout,
        )
        self.optimiser = torch.optim.Adam(
            self.network.parameters(),
            self.recipe.learning_rate,
            weight_decay=self.recipe.weight_decay,
            fused=True,
        )
        best = _weights(self.network)
        best = self._resume() or best
        for epoch in range(len(self.curve), self.recipe.epochs):
            if epoch - self.best_epoch > self.recipe.patience:
                break
            loss = self._epoch(epoch, rows, following)
            ndcg = self._ndcg(judged, sequences, targets)
            if ndcg > max(self.curve, default=-1.0):
                self.best_epoch, best = epoch, _weights(self.network)
            self.curve.append(ndcg)
            tqdm.write(f"epoch {epoch}: loss {loss:.4f}, validation NDCG@{CUTOFF} masked {ndcg:.4f}")
            self._save(best, time.perf_counter() - begun)
        self.network.load_state_dict(best)
        self.network.eval()

    def _epoch(self, epoch: int, rows: Tensor, following: Tensor) -> float:
        """Pass once over all rows; gives the mean loss. Seeded by its number: resuming repeats nothing."""
        torch.manual_seed(self.seed * 100_000 + epoch)
        self.network.dropout.seed(self.seed, epoch)
        order = torch.from_numpy(np.random.default_rng([self.seed, epoch]).permutation(len(rows)))
        self.network.train()
        total = 0.0
        bar = tqdm(order.split(self.recipe.batch), desc=f"bsarec epoch {epoch}", unit="step", leave=False)
        for number, batch in enumerate(bar, start=1):
            with torch.autocast("cpu", torch.bfloat16, enabled=self.recipe.bf16):
                scores = self.network(rows[batch])
            loss = F.cross_entropy(scores.float(), following[batch])
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()
            total += loss.item()
            if number % 20 == 0:
                bar.set_postfix(loss=f"{total / number:.3f}")
        return total / max(1, len(bar))

    @torch.no_grad()
    def _ndcg(self, judged: Tensor, sequences: list[Integers], targets: Integers) -> float:
        """Mean NDCG@10 of the validation SKU over the full catalogue, training SKUs masked."""
        self.network.eval()
        gains = 0.0
        for start in range(0, len(judged), ROWS_AT_ONCE):
            rows = judged[start : start + ROWS_AT_ONCE]
            wanted = torch.from_numpy(targets[start : start + len(rows)])[:, None]
            scores = self.network(rows)
            target = scores.gather(1, wanted)  # kept although it may have been bought before
            for row, sequence in zip(scores, sequences[start : start + len(rows)], strict=True):
                row[torch.from_numpy(sequence)] = -torch.inf
            above = (scores > target).sum(dim=1)
            gains += (1 / torch.log2(above + 2.0))[above < CUTOFF].sum().item()
        return gains / len(judged)

    @torch.no_grad()
    def _score(self, data: Purchases, customers: Integers) -> Floats:
        histories = [data.history(customer) for customer in customers.tolist()]
        rows = left_padded(histories, self.recipe.length)
        return torch.cat([self.network(part) for part in rows.split(ROWS_AT_ONCE)]).numpy()

    def _save(self, best: dict[str, Tensor], seconds: float) -> None:
        tensors = {f"now/{name}": value for name, value in _weights(self.network).items()}
        tensors |= {f"best/{name}": value for name, value in best.items()}
        for number, state in self.optimiser.state_dict()["state"].items():
            tensors |= {f"adam/{number}/{name}": value.contiguous() for name, value in state.items()}
        notes = {
            "settings": self._settings(),
            "curve": self.curve,
            "best_epoch": self.best_epoch,
            "seconds": self.resumed_seconds + seconds,
            "peak_mb": max(self.resumed_peak_mb, peak_mb()),
        }
        self.checkpoint.parent.mkdir(parents=True, exist_ok=True)
        part = self.checkpoint.with_suffix(".part")
        save_file(tensors, part, {"notes": json.dumps(notes)})
        part.replace(self.checkpoint)

    def _resume(self) -> dict[str, Tensor] | None:
        """Take up the checkpoint of an equal run; gives its best weights, or none without one."""
        if not self.checkpoint.exists():
            return None
        with safe_open(self.checkpoint, "pt") as file:
            notes = json.loads(file.metadata()["notes"])
            if notes["settings"] != self._settings():
                return None
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in tensors.items():
            if name.startswith("adam/"):
                _, number, field = name.split("/")
                state.setdefault(int(number), {})[field] = value
        self.optimiser.load_state_dict({**self.optimiser.state_dict(), "state": state})
        self.network.load_state_dict(_part(tensors, "now/"))
        self.curve, self.best_epoch = notes["curve"], notes["best_epoch"]
        self.resumed_seconds, self.resumed_peak_mb = notes["seconds"], notes["peak_mb"]
        tqdm.write(f"goes on after epoch {len(self.curve) - 1} of {self.checkpoint}")
        return _part(tensors, "best/")

    def _settings(self) -> dict[str, object]:
        """Tell what makes two runs equal; a run may be prolonged, so epochs and patience are not in it."""
        recipe = {k: v for k, v in asdict(self.recipe).items() if k not in ("epochs", "patience")}
        return {**recipe, "seed": self.seed, "skus": self.network.items.num_embeddings - 1}


def _sequences(data: Purchases) -> tuple[list[Integers], Integers]:
    """Cut each customer's purchases into training SKUs and the validation SKU, ``(C,)``."""
    sequences, targets = [], []
    for customer in range(len(data.customers)):
        span = slice(data.starts[customer], data.starts[customer + 1])
        training = data.in_training[span]
        sequences.append(data.sku[span][training])
        targets.append(data.sku[span][~training].item())
    return sequences, np.array(targets, np.int64)


def _weights(network: BSARec) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}
