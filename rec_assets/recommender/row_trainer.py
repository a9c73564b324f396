"""TRL's SFT trainer over token rows: batches by length, a loss of the model's own, small checkpoints."""

from collections.abc import Sequence
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

from rec_assets.backbone.precision import choose_precision
from rec_assets.params import Precision
from rec_assets.recommender.batches import LengthBatches, collate
from rec_assets.recommender.storage import load_trained, plain_name, trained_tensors
from rec_assets.vocabulary.token_rows import TokenRow

_CHECKPOINT = "trained.safetensors"


def row_arguments(precision: Precision, **own: Any) -> SFTConfig:
    """Give TRL's configuration of every :class:`RowTrainer`.

    Parameters
    ----------
    precision
        As ``training.precision``.
    own
        What else of ``SFTConfig`` a training sets.
    """
    return SFTConfig(
        lr_scheduler_type="cosine",
        bf16=choose_precision(precision) is torch.bfloat16,
        use_cpu=not torch.cuda.is_available(),
        save_total_limit=2,
        restore_callback_states_from_checkpoint=True,  # the epochs that patience has counted
        logging_strategy="epoch",
        report_to=[],
        remove_unused_columns=False,
        dataset_kwargs={"skip_prepare_dataset": True},
        max_length=None,
        disable_tqdm=False,
        dataloader_num_workers=0,
        dataloader_pin_memory=torch.cuda.is_available(),
        accelerator_config={"even_batches": False, "use_seedable_sampler": False},
        **own,
    )


class RowTrainer(SFTTrainer):
    """Supervised fine-tuning of a model whose forward takes ``input_ids`` and ``targets`` and gives a loss.

    TRL's own loss scores the whole vocabulary, shifts labels and reads ``lm_head``; a trimmed decoder's
    forward does none of that, so :meth:`compute_loss` calls it and nothing else. Checkpoints hold only what
    is trained. A subclass says how fast each parameter learns, and evaluates.

    Parameters
    ----------
    model
        Its parameters that require gradients are trained.
    args
        TRL's configuration.
    rows
        What is learnt from.
    tokenizer
        The base model's.
    batch_tokens
        Budget of a batch, padding included.
    weight_decay
        Of matrices; vectors (biases, norms, gates, scales) have none.
    callbacks
        More of the trainer's callbacks.
    """

    def __init__(
        self,
        model: nn.Module,
        args: SFTConfig,
        rows: Sequence[TokenRow],
        tokenizer: PreTrainedTokenizerBase,
        *,
        batch_tokens: int,
        weight_decay: float,
        callbacks: Sequence[TrainerCallback] = (),
    ) -> None:
        self._rows = rows
        self._batch_tokens = batch_tokens
        self._weight_decay = weight_decay
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
            callbacks=list(callbacks),
        )

    def learning_rate_of(self, name: str) -> float:
        """Give the peak learning rate of a parameter, by its name in the model as it was handed over."""
        raise NotImplementedError

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
        """Give the loss that the model's forward computes."""
        outputs = model(**inputs)
        return (outputs.loss, outputs) if return_outputs else outputs.loss

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """AdamW with a group for every learning rate, with weight decay and without."""
        groups: dict[tuple[float, float], list[nn.Parameter]] = {}
        for wrapped, parameter in (model or self.model).named_parameters():
            if parameter.requires_grad:
                name = plain_name(wrapped)
                decay = self._weight_decay if name in self._matrices else 0.0
                groups.setdefault((self.learning_rate_of(name), decay), []).append(parameter)
        # Fused: one pass over memory instead of ten, which of large item tables is a tenth of a step.
        self.optimizer = torch.optim.AdamW(
            [{"params": group, "lr": rate, "weight_decay": own} for (rate, own), group in groups.items()],
            fused=True,
        )
        return self.optimizer

    def report(self, metrics: dict[str, float]) -> dict[str, float]:
        """Log what an evaluation found, and let the callbacks act on it; gives it back."""
        self.log(metrics)
        self.control: TrainerControl = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, metrics
        )
        return metrics

    def whole_parameters(self) -> AbstractContextManager[Any]:
        """Gather parameters inside the block where they are sharded; every process has to enter it."""
        if not self.is_fsdp_enabled:
            return nullcontext()
        return FullyShardedDataParallel.summon_full_params(self.model_wrapped, writeback=True)

    def _collate(self, examples: list[dict[str, Any]]) -> dict[str, Tensor]:
        return collate([self._rows[example["input_ids"][0]] for example in examples])

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Tensor] | None = None) -> None:
        folder = Path(output_dir or self.args.output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        save_file(trained_tensors(self.model, state_dict), folder / _CHECKPOINT)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: nn.Module | None = None) -> None:
        with self.whole_parameters():
            load_trained(self.model, load_file(Path(resume_from_checkpoint) / _CHECKPOINT))

    def _load_best_model(self) -> None:
        self._load_from_checkpoint(self.state.best_model_checkpoint)
