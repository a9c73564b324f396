"""TRL's SFT trainer for a handful of labels: loss, batches, learning rates and checkpoints of its own."""

import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader
from tqdm import tqdm
from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainerCallback, TrainerControl
from trl import SFTConfig, SFTTrainer

from rec_assets.recommender.batches import LengthBatches, collate
from rec_assets.recommender.storage import load_trained, trained_tensors
from rec_assets.vocabulary.token_rows import IGNORED, TokenRow

ACCURACY, LOSS = "eval_accuracy", "eval_loss"
_CHECKPOINT = "trained.safetensors"
_LAYER = re.compile(r"(?:^|\.)(?:layers|h)\.(\d+)\.")


class HeadTrainer(SFTTrainer):
    """Supervised fine-tuning whose loss is a softmax over labels.

    TRL's own loss scores the whole vocabulary at every position; the model's forward scores the labels at the
    last one. Rows are batched by length, checkpoints hold only what is trained, and evaluation is accuracy
    and mean cross-entropy on the validation rows.

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
        self._rows, self._validation = rows, validation
        self._batch_tokens = batch_tokens
        self._head_rate, self._layer_decay, self._head = head_learning_rate, layer_decay, head
        self.samples = 0  # read in training steps, since this process started
        self.evaluation_seconds = 0.0
        index = Dataset.from_dict({"input_ids": [[place] for place in range(len(rows))]})
        super().__init__(
            model=model,
            args=args,
            train_dataset=index,
            eval_dataset=index.select([]),
            processing_class=tokenizer,
            data_collator=self._collate,
            callbacks=list(callbacks),
        )

    def _collate(self, examples: list[dict[str, Any]]) -> dict[str, Tensor]:
        return collate([self._rows[example["input_ids"][0]] for example in examples])

    def get_train_dataloader(self) -> DataLoader:
        """Batches of nearly equal length, shared among processes."""
        lengths = [len(row.ids) for row in self._rows]
        replicas = self.args.world_size
        sampler = LengthBatches(lengths, self._batch_tokens, seed=self.args.seed, replicas=replicas)
        loader = DataLoader(self.train_dataset, batch_sampler=sampler, collate_fn=self._collate)
        return self.accelerator.prepare(loader)

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Tensor],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """Cross-entropy over labels; see :meth:`HeadModel.forward`."""
        self.samples += len(inputs["input_ids"])
        outputs = model(**inputs)
        return (outputs.loss, outputs) if return_outputs else outputs.loss

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """AdamW; the head has a learning rate of its own, lower layers ever smaller ones."""
        groups: dict[tuple[float, float], list[nn.Parameter]] = {}
        trained = [(n, p) for n, p in (model or self.model).named_parameters() if p.requires_grad]
        layers = self.model.config.get_text_config().num_hidden_layers
        for name, parameter in trained:
            decay = self.args.weight_decay if parameter.ndim > 1 else 0.0
            groups.setdefault((self._rate(name, layers), decay), []).append(parameter)
        self.optimizer = torch.optim.AdamW(
            [{"params": group, "lr": rate, "weight_decay": own} for (rate, own), group in groups.items()]
        )
        return self.optimizer

    def _rate(self, name: str, layers: int) -> float:
        if name.startswith(self._head):
            return self._head_rate
        above = 0  # layers above it
        if layer := _LAYER.search(name):
            above = layers - 1 - int(layer.group(1))
        elif "embed" in name or "wte" in name or "wpe" in name:
            above = layers
        return float(self.args.learning_rate) * self._layer_decay**above

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """Accuracy and mean cross-entropy over the validation rows."""
        start = time.perf_counter()
        logits, targets = self.predict_rows(self._validation)
        metrics = {
            ACCURACY: float((logits.argmax(dim=-1) == targets).float().mean()),
            LOSS: float(F.cross_entropy(logits, targets)),
        }
        self.log(metrics)
        self.control: TrainerControl = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, metrics
        )
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

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Tensor] | None = None) -> None:
        folder = Path(output_dir or self.args.output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        save_file(trained_tensors(self.model, state_dict), folder / _CHECKPOINT)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: nn.Module | None = None) -> None:
        load_trained(self.model, load_file(Path(resume_from_checkpoint) / _CHECKPOINT))

    def _load_best_model(self) -> None:
        self._load_from_checkpoint(self.state.best_model_checkpoint)


def labelled_row(ids: Sequence[int], target: int) -> TokenRow:
    """Put a label's index at the last position of a prompt's token ids."""
    targets = torch.full((len(ids),), IGNORED).numpy()
    targets[-1] = target
    return TokenRow(torch.tensor(list(ids)).numpy(), targets)
