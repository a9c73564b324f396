"""RecTools' own training without the work on padding."""

from itertools import pairwise
from typing import Any

import torch
from rectools.models.nn.transformers.lightning import TransformerLightningModule
from torch import Tensor
from torch.nn.functional import cross_entropy


class RealPlaces(TransformerLightningModule):
    """RecTools' sampled softmax, computed where there is a SKU.

    Nine in ten places of Beauty's rows are padding, which RecTools encodes, scores and then ignores. Here the
    rows of a batch are encoded in groups of like length, and candidates are scored at places with a target,
    as entries of one product with the catalogue. The loss is the same number (``same_loss.py``).
    """

    # Where a batch, ordered by length, is cut: most rows are short, and one long row lengthens its group.
    cuts: tuple[float, ...] = (0.5, 0.875)

    def groups(self, rows: Tensor) -> list[tuple[Tensor, int]]:
        """Put rows of SKUs ``(B, T)`` into groups: indices of rows, and the places that hold their SKUs."""
        lengths, order = (rows != 0).sum(dim=1).sort(stable=True)
        groups = []
        for start, end in pairwise(int(len(rows) * cut) for cut in (0.0, *self.cuts, 1.0)):
            if start < end:
                longest = max(1, int(lengths[end - 1])) if self.cuts else rows.shape[1]
                groups.append((order[start:end], longest))
        return groups

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Give the mean loss of the batch's targets."""
        network = self.torch_model
        vectors = network.item_model.get_all_embeddings()
        sessions, candidates, weights = [], [], []
        for chosen, places in self.groups(batch["x"]):
            part = {name: value[chosen, -places:] for name, value in batch.items()}
            real = part["y"] != 0
            sessions.append(network.encode_sessions(part, vectors)[real])
            candidates.append(torch.cat([part["y"].unsqueeze(-1), part["negatives"]], dim=-1)[real])
            weights.append(part["yw"][real])
        every = network.similarity_module(torch.cat(sessions), vectors) / self.logits_t  # (R, V)
        scores = every.gather(1, torch.cat(candidates)).float()  # (R, 1 + negatives), the target first
        losses = cross_entropy(scores, scores.new_zeros(len(scores), dtype=torch.long), reduction="none")
        losses = losses * torch.cat(weights)
        loss = losses.sum() / (losses > 0).sum()
        self.log(self.train_loss_name, loss, on_step=False, on_epoch=True, prog_bar=self.verbose > 0)
        return loss

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> dict[str, Any]:
        """Nothing: ``StopByNdcg`` judges, and no loss is asked for."""
        return {}

    @torch.no_grad()
    def last_place(self, rows: Tensor) -> Tensor:
        """Encode rows of SKUs ``(B, T)``; gives the vector after the newest, ``(B, D)``."""
        encoded = self.item_embs.new_zeros(len(rows), self.item_embs.shape[1])
        for chosen, places in self.groups(rows):
            part = {"x": rows[chosen, -places:]}
            encoded[chosen] = self.torch_model.encode_sessions(part, self.item_embs)[:, -1].to(encoded.dtype)
        return encoded


class RealTargets(RealPlaces):
    """For a network whose rows have one length, such as HSTU: only the scoring is spared."""

    cuts = ()
