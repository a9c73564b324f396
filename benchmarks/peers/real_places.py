"""RecTools' own loss without the work on padding."""

import torch
from rectools.models.nn.transformers.lightning import TransformerLightningModule
from torch import Tensor


class RealPlaces(TransformerLightningModule):
    """Scores candidates only where there is a target; RecTools scores padding too, and then ignores it.

    Beauty's rows are mostly padding, and the vectors of 257 candidates a place are what memory and time go
    to. The loss is the same number. Only for losses with negatives.
    """

    def get_batch_logits(self, batch: dict[str, Tensor]) -> Tensor:
        """Score targets and negatives: ``(B, T, 1 + negatives)``, zeros on padding; T is 1 in validation."""
        network = self.torch_model
        targets = batch["y"]
        vectors = network.item_model.get_all_embeddings()
        sessions = network.encode_sessions(batch, vectors)[:, -targets.shape[1] :]
        real = targets != 0
        candidates = torch.cat([targets.unsqueeze(-1), batch["negatives"]], dim=-1)
        scored = network.similarity_module(sessions[real], vectors, candidates[real]) / self.logits_t
        return scored.new_zeros(candidates.shape).masked_scatter(real.unsqueeze(-1), scored)
