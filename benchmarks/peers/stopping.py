"""Early stopping by the measure that all models of the benchmark are stopped by."""

from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

CUTOFF = 10


class StopByNdcg(Callback):
    """Keeps the weights with the best NDCG@10 of the validation SKU; SKUs of the history are masked.

    Parameters
    ----------
    patience
        Epochs without a better one before training stops.
    """

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.curve: list[float] = []
        self.best_epoch = -1
        self.best: dict[str, Tensor] = {}
        self._gains = 0.0
        self._judged = 0

    def on_validation_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int, *_: Any
    ) -> None:
        """Rank the catalogue for a batch of histories ``x`` ``(B, T)`` with targets ``y`` ``(B, 1)``."""
        with torch.no_grad():
            network = pl_module.torch_model
            sessions = pl_module.last_place(batch["x"])
            scores = network.similarity_module(sessions, pl_module.item_embs)
            target = scores.gather(1, batch["y"])
            scores.scatter_(1, batch["x"], -torch.inf)
            scores[:, : len(pl_module.item_extra_tokens)] = -torch.inf
            above = (scores > target).sum(dim=1)
            self._gains += (1 / torch.log2(above + 2.0))[above < CUTOFF].sum().item()
            self._judged += len(above)

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the weights if they are the best so far; ask to stop when patience is over."""
        ndcg = self._gains / max(1, self._judged)
        self._gains, self._judged = 0.0, 0
        if ndcg > max(self.curve, default=-1.0):
            self.best_epoch = len(self.curve)
            state = pl_module.torch_model.state_dict()
            self.best = {name: value.detach().clone() for name, value in state.items()}
        self.curve.append(ndcg)
        print(f"epoch {len(self.curve) - 1}: validation NDCG@{CUTOFF} masked {ndcg:.4f}", flush=True)
        if len(self.curve) - 1 - self.best_epoch >= self.patience:
            trainer.should_stop = True
