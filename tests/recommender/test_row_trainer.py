"""What both trainers share, on the smallest model there is: one row of logits a token."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer, models
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import LlamaConfig, PreTrainedModel, PreTrainedTokenizerFast
from transformers.modeling_outputs import CausalLMOutput
from trl import SFTConfig

from rec_assets.recommender.row_trainer import RowTrainer
from rec_assets.vocabulary.token_rows import TokenRow

ROWS = [TokenRow(np.full(1 + i % 4, i % 6), np.full(1 + i % 4, (i + 1) % 6)) for i in range(30)]


class Table(PreTrainedModel):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__(LlamaConfig(vocab_size=6))
        self.frozen = nn.Linear(1, 1)
        self.frozen.requires_grad_(False)
        self.table = nn.Embedding(6, 6)
        self.bias = nn.Parameter(torch.zeros(6))
        self.read: list[Tensor] = []

    def forward(self, input_ids: Tensor, targets: Tensor, **_: Any) -> CausalLMOutput:
        self.read.append(input_ids)
        logits = self.table(input_ids) + self.bias
        return CausalLMOutput(loss=F.cross_entropy(logits.flatten(0, 1), targets.flatten()), logits=logits)


class TableTrainer(RowTrainer):
    def learning_rate_of(self, name: str) -> float:
        return 0.1 if name == "bias" else 0.02


def made(folder: Path) -> TableTrainer:
    torch.manual_seed(0)
    plain = Tokenizer(models.WordLevel({"a": 0, "</s>": 1}, unk_token="a"))
    arguments = SFTConfig(
        output_dir=str(folder),
        num_train_epochs=2,
        report_to=[],
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        save_strategy="epoch",
        remove_unused_columns=False,
        dataset_kwargs={"skip_prepare_dataset": True},
        max_length=None,
        dataloader_pin_memory=False,
    )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=plain, eos_token="</s>", pad_token="a")
    return TableTrainer(Table(), arguments, ROWS, tokenizer, batch_tokens=8, weight_decay=0.3)


def test_every_row_is_read_once_an_epoch_within_the_budget(tmp_path: Path) -> None:
    trainer = made(tmp_path)
    trainer.train()
    assert sum(len(batch) for batch in trainer.model.read) == 2 * len(ROWS)
    assert max(batch.numel() for batch in trainer.model.read) <= 8


def test_matrices_decay_and_every_rate_has_a_group(tmp_path: Path) -> None:
    groups = made(tmp_path).create_optimizer().param_groups
    told = {(tuple(group["params"][0].shape), group["lr"], group["weight_decay"]) for group in groups}
    assert told == {((6, 6), 0.02, 0.3), ((6,), 0.1, 0.0)}


def test_a_checkpoint_holds_what_is_trained_and_puts_it_back(tmp_path: Path) -> None:
    trainer = made(tmp_path)
    trainer.train()
    last = max(tmp_path.glob("checkpoint-*"), key=lambda one: int(one.name.partition("-")[2]))
    assert load_file(last / "trained.safetensors").keys() == {"table.weight", "bias"}
    again = made(tmp_path)
    assert not torch.equal(again.model.table.weight, trainer.model.table.weight)
    again._load_from_checkpoint(str(last))
    assert torch.equal(again.model.table.weight, trainer.model.table.weight)
    assert torch.equal(again.model.bias, trainer.model.bias)
