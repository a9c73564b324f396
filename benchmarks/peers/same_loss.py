"""Check that training without padding is RecTools' own: the same loss, gradients and encoded histories.

``.venv-peers/bin/python benchmarks/peers/same_loss.py`` trains each model a few steps on random histories,
without dropout, and stops with an error where one differs from what RecTools' own code gives.
"""

import logging
import warnings
from typing import Any

import numpy as np
import pandas as pd
import torch
from models import MODELS, build
from pytorch_lightning import seed_everything
from rectools import Columns
from rectools.dataset import Dataset
from rectools.models.nn.transformers.lightning import TransformerLightningModule
from torch import Tensor

CLOSE = {"rtol": 1e-4, "atol": 1e-5}


def histories(customers: int = 150, skus: int = 300, seed: int = 1) -> Dataset:
    """Make random histories, most of them short, some longer than the models read."""
    random = np.random.default_rng(seed)
    lengths = 3 + np.minimum(random.geometric(0.15, customers), 70)
    frame = pd.DataFrame({Columns.User: np.repeat(np.arange(customers), lengths), Columns.Weight: 1.0})
    frame[Columns.Item] = random.integers(0, skus, len(frame))
    days = frame.groupby(Columns.User).cumcount()
    frame[Columns.Datetime] = pd.Timestamp("2000-01-01") + pd.to_timedelta(days, unit="D")
    return Dataset.construct(frame)


def checked(kind: type[TransformerLightningModule]) -> type[TransformerLightningModule]:
    """Make a kind of training that holds every step against RecTools' own."""

    class Checked(kind):  # type: ignore[misc, valid-type]
        def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
            loss: Tensor = super().training_step(batch, batch_idx)
            own = TransformerLightningModule.training_step(self, batch, batch_idx)
            torch.testing.assert_close(loss, own, **CLOSE)
            read = [value for value in self.torch_model.parameters() if value.requires_grad]
            ours, theirs = (
                torch.autograd.grad(value, read, retain_graph=True, allow_unused=True, materialize_grads=True)
                for value in (loss, own)
            )
            torch.testing.assert_close(ours, theirs, **CLOSE)
            return loss

        def last_place(self, rows: Tensor) -> Tensor:
            found: Tensor = super().last_place(rows)
            own = self.torch_model.encode_sessions({"x": rows}, self.item_embs)[:, -1]
            torch.testing.assert_close(found, own, **CLOSE)
            return found

    return Checked


def main() -> None:
    warnings.filterwarnings("ignore")
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    for name in MODELS:
        seed_everything(1, verbose=False)
        changes: dict[str, Any] = {"dropout_rate": 0.0, "verbose": 0}
        model = build(name, epochs=2, patience=2, precision="32-true", **changes)
        model.lightning_module_type = checked(model.lightning_module_type)
        model.fit(histories())
        print(f"{name}: the same")


if __name__ == "__main__":
    main()
