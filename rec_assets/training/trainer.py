"""TRL's SFT trainer with the loss, batches and checkpoints of an SKU language model."""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.distributed.fsdp import FullyShardedDataParallel
from torch.utils.data import DataLoader
from transformers import PreTrainedTokenizerBase, TrainerCallback, TrainerControl
from trl import SFTConfig, SFTTrainer

from rec_assets.params import Training
from rec_assets.recommender.batches import LengthBatches, collate
from rec_assets.recommender.build import sku_model
from rec_assets.recommender.storage import load_trained, plain_name, trained_tensors
from rec_assets.training.validation import Holdout, ndcg_at_10
from rec_assets.vocabulary.token_rows import TokenRow

NDCG = "eval_ndcg@10"
_CHECKPOINT = "trained.safetensors"


class RecommenderTrainer(SFTTrainer):
    """Supervised fine-tuning whose loss is a softmax over SKUs.

    TRL's own loss scores the whole vocabulary, shifts labels and reads ``lm_head``; the model's forward does
    none of that, so :meth:`compute_loss` calls it and nothing else. Rows are batched by length, checkpoints
    hold only what is trained, and evaluation is NDCG@10 by one-pass ranking of the catalogue.
    """

    def __init__(
        self,
        model: nn.Module,
        args: SFTConfig,
        settings: Training,
        rows: list[TokenRow],
        holdout: Holdout,
        tokenizer: PreTrainedTokenizerBase,
        callbacks: list[TrainerCallback],
    ) -> None:
        self._settings = settings
        self._rows = rows
        self._holdout = holdout
        # Taken now: FSDP's shards are flat.
        self._matrices = {name for name, parameter in model.named_parameters() if parameter.ndim > 1}
        index = Dataset.from_dict({"input_ids": [[place] for place in range(len(rows))]})
        super().__init__(
            model=model,
            args=args,
            train_dataset=index,
            eval_dataset=index.select([]),
            processing_class=tokenizer,
            data_collator=self._collate,
            callbacks=callbacks,
        )

    def _collate(self, examples: list[dict[str, Any]]) -> dict[str, Tensor]:
        return collate([self._rows[example["input_ids"][0]] for example in examples])

    def get_train_dataloader(self) -> DataLoader:
        """Batches of nearly equal length, shared among processes."""
        sampler = LengthBatches(
            [len(row.ids) for row in self._rows],
            self._settings.batch_tokens,
            seed=self.args.seed,
            replicas=self.args.world_size,
        )
        loader = DataLoader(self.train_dataset, batch_sampler=sampler, collate_fn=self._collate)
        return self.accelerator.prepare(loader)

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Tensor],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """Cross-entropy over SKUs; see :meth:`SkuLanguageModel.forward`."""
        outputs = model(**inputs)
        return (outputs.loss, outputs) if return_outputs else outputs.loss

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """AdamW with the item vectors' own learning rate; no decay on vectors, norms, gates and scales."""
        settings = self._settings
        groups: dict[tuple[float, float], list[nn.Parameter]] = {}
        for wrapped, parameter in (model or self.model).named_parameters():
            if parameter.requires_grad:
                name = plain_name(wrapped)
                rate = settings.item_learning_rate if ".items." in f".{name}" else settings.learning_rate
                decay = settings.weight_decay if name in self._matrices else 0.0
                groups.setdefault((rate, decay), []).append(parameter)
        self.optimizer = torch.optim.AdamW(
            [{"params": group, "lr": rate, "weight_decay": own} for (rate, own), group in groups.items()]
        )
        return self.optimizer

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """NDCG@10 on the validation window, the whole catalogue ranked in one pass a customer."""
        with self._whole_parameters(), self.accelerator.autocast():
            value = ndcg_at_10(sku_model(self.model), self._holdout, self.args.device)
        metrics = {NDCG: value}
        self.log(metrics)
        self.control: TrainerControl = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, metrics
        )
        return metrics

    def trained(self) -> dict[str, Tensor]:
        """Copy the trained tensors, gathered where they are sharded; every process has to call it."""
        with self._whole_parameters():
            return trained_tensors(self.model)

    def _whole_parameters(self) -> AbstractContextManager[Any]:
        if not self.is_fsdp_enabled:
            return nullcontext()
        return FullyShardedDataParallel.summon_full_params(self.model_wrapped, writeback=True)

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Tensor] | None = None) -> None:
        folder = Path(output_dir or self.args.output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        save_file(trained_tensors(self.model, state_dict), folder / _CHECKPOINT)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: nn.Module | None = None) -> None:
        with self._whole_parameters():
            load_trained(self.model, load_file(Path(resume_from_checkpoint) / _CHECKPOINT))

    def _load_best_model(self) -> None:
        self._load_from_checkpoint(self.state.best_model_checkpoint)
