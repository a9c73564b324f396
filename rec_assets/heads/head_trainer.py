"""The trainer of a label head and the model under it: its learning rates, and accuracy on validation rows."""

import re
import time
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm
from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainerCallback
from trl import SFTConfig

from rec_assets.recommender.batches import LengthBatches, collate
from rec_assets.recommender.row_trainer import RowTrainer
from rec_assets.vocabulary.token_rows import IGNORED, TokenRow

ACCURACY, LOSS = "eval_accuracy", "eval_loss"
_LAYER = re.compile(r"(?:^|\.)(?:layers|h)\.(\d+)\.")


class HeadTrainer(RowTrainer):
    """Supervised fine-tuning whose loss is a softmax over labels, at each row's last position.

    Every row counts alike: a batch of long rows holds fewer of them, and its mean loss is worth less.
    Evaluation is accuracy and mean cross-entropy on the validation rows.

    Parameters
    ----------
    model
        Its forward takes ``input_ids`` and ``targets`` and gives loss and logits, as that of
        :class:`~rec_assets.heads.head_model.HeadModel`.
    args
        TRL's configuration; its learning rate is that of the decoder.
    rows, validation
        Prompts, the label's index at the last position of ``targets``.
    batch_tokens
        Budget of a batch, padding included.
    head_learning_rate
        Of parameters outside the decoder layers, embeddings and norms.
    layer_decay
        Factor of the learning rate from a layer to the one below it (arXiv 1801.06146).
    tokenizer
        The base model's.
    head
        Beginnings of the names of the head's parameters.
    callbacks
        More of the trainer's callbacks.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        args: SFTConfig,
        rows: Sequence[TokenRow],
        validation: Sequence[TokenRow],
        tokenizer: PreTrainedTokenizerBase,
        *,
        batch_tokens: int,
        head_learning_rate: float,
        layer_decay: float = 1.0,
        head: tuple[str, ...] = ("head.",),
        callbacks: Sequence[TrainerCallback] = (),
    ) -> None:
        self._validation = validation
        self._head_rate, self._layer_decay, self._head = head_learning_rate, layer_decay, head
        self.samples = 0  # read in training steps, since this process started
        self.evaluation_seconds = 0.0
        super().__init__(
            model,
            args,
            rows,
            tokenizer,
            batch_tokens=batch_tokens,
            weight_decay=args.weight_decay,
            callbacks=callbacks,
        )
        lengths = [len(row.ids) for row in rows]
        self._mean_rows = len(rows) / len(LengthBatches(lengths, batch_tokens, seed=args.seed))

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Tensor],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """Cross-entropy over labels, see :meth:`HeadModel.forward`, by the share of rows that a batch has."""
        rows = len(inputs["input_ids"])
        self.samples += rows
        loss, outputs = super().compute_loss(model, inputs, True, num_items_in_batch)
        loss = loss * rows / self._mean_rows
        return (loss, outputs) if return_outputs else loss

    def learning_rate_of(self, name: str) -> float:
        """Give the head a learning rate of its own, and lower layers ever smaller ones."""
        if name.startswith(self._head):
            return self._head_rate
        above, layers = 0, self.model.config.get_text_config().num_hidden_layers
        if layer := _LAYER.search(name):
            above = layers - 1 - int(layer.group(1))
        elif "embed" in name or "wte" in name or "wpe" in name:
            above = layers
        return float(self.args.learning_rate) * self._layer_decay**above

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """Accuracy and mean cross-entropy over the validation rows."""
        start = time.perf_counter()
        logits, targets = self.predict_rows(self._validation)
        found = {
            ACCURACY: float((logits.argmax(dim=-1) == targets).float().mean()),
            LOSS: float(F.cross_entropy(logits, targets)),
        }
        metrics = self.report(found)
        self.evaluation_seconds += time.perf_counter() - start
        return metrics

    @torch.no_grad()
    def predict_rows(self, rows: Sequence[TokenRow]) -> tuple[Tensor, Tensor]:
        """Logits ``(N, n)`` and targets ``(N,)`` of rows, in their order, on the CPU."""
        was_training = self.model.training
        self.model.eval()
        parts: list[Tensor] = []
        order: list[int] = []
        batches = LengthBatches([len(row.ids) for row in rows], self._batch_tokens, seed=None)
        for batch in tqdm(batches, desc="validating", unit="batch", leave=False):
            inputs = collate([rows[place] for place in batch])
            with self.accelerator.autocast():
                outputs = self.model(**{name: value.to(self.args.device) for name, value in inputs.items()})
            parts.append(outputs.logits.float().cpu())
            order += batch
        self.model.train(was_training)
        back = torch.argsort(torch.tensor(order))
        return torch.cat(parts)[back], torch.tensor([int(row.targets[-1]) for row in rows])


def labelled_row(ids: Sequence[int], target: int) -> TokenRow:
    """Put a label's index at the last position of a prompt's token ids."""
    targets = torch.full((len(ids),), IGNORED).numpy()
    targets[-1] = target
    return TokenRow(torch.tensor(list(ids)).numpy(), targets)
