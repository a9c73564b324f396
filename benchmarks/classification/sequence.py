"""Transformers' own way: a new linear layer on the last token, ``AutoModelForSequenceClassification``."""

import copy
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import AutoModelForSequenceClassification, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from classification.assignment import Assignment, Outcome
from classification.bases import count_parameters, language_folder
from rec_assets.backbone.layers import keep_layers, plain_model
from rec_assets.backbone.load import load_tokenizer
from rec_assets.backbone.merge import merge_adapters
from rec_assets.heads.adapters import make_trainable
from rec_assets.heads.fine_tune_settings import FineTuneSettings, trl_arguments
from rec_assets.heads.head_trainer import HeadTrainer, labelled_row
from rec_assets.heads.states import encode
from rec_assets.vocabulary.token_rows import IGNORED

PROMPT = "{text}"


class SequenceModel(PreTrainedModel):
    """Transformers' sequence classifier behind the call that the trainer makes."""

    _supports_sdpa = True

    def __init__(self, model: Any) -> None:
        super().__init__(copy.deepcopy(plain_model(model).config))  # the trainer writes into it
        self.model = plain_model(model)

    def forward(self, input_ids: Tensor, targets: Tensor, **_: Any) -> SequenceClassifierOutput:
        """Score labels at the last token of right-padded rows."""
        wanted = targets != IGNORED
        last = wanted.int().argmax(dim=1, keepdim=True)
        inside = (torch.arange(input_ids.shape[1], device=input_ids.device) <= last).long()
        # Transformers looks for the last token that is not padding, by its id.
        ids = input_ids.masked_fill(inside == 0, self.model.config.get_text_config().pad_token_id)
        return self.model(input_ids=ids, attention_mask=inside, labels=targets[wanted])


def load(base: str, layers: int | None, labels: int) -> tuple[Any, Any]:
    """Load a base under a new head of ``labels`` rows, and its tokenizer."""
    folder = language_folder(base)
    tokenizer = load_tokenizer(folder)
    model = AutoModelForSequenceClassification.from_pretrained(
        folder, num_labels=labels, dtype=torch.float32, local_files_only=True, use_safetensors=True
    )
    if layers is not None:
        keep_layers(model, layers)
    tokens = (tokenizer.pad_token_id, tokenizer.eos_token_id, tokenizer.bos_token_id)
    padding = next(token for token in tokens if token is not None)  # none of them ends a text
    model.config.get_text_config().pad_token_id = padding
    model.config.pad_token_id = padding
    return model, tokenizer


def sequence_classification(assignment: Assignment) -> Outcome:
    """Train it with the settings and the adapters that the trimmed decoder is trained with."""
    settings = FineTuneSettings(**assignment.config["settings"], seed=assignment.seed)
    if settings.regression_layer is not None:
        raise SystemExit("sequence_classification has one head: leave regression_layer out of its settings.")
    torch.manual_seed(assignment.seed)  # the new head's start
    model, tokenizer = load(str(assignment.base), assignment.layers, len(assignment.task.labels))
    trainer, adapted = make_trainer(model, tokenizer, assignment.texts, assignment.targets, settings)
    start = time.perf_counter()
    trainer.train()
    seconds = time.perf_counter() - start
    trained = sum(value.numel() for value in trainer.model.parameters() if value.requires_grad)
    merge_adapters(adapted)

    def classify(texts: list[str]) -> np.ndarray:
        rows = [labelled_row(encode(tokenizer, PROMPT, text), 0) for text in texts]
        return trainer.predict_rows(rows)[0].argmax(dim=-1).numpy()

    predictions = classify(assignment.judged_texts)
    return Outcome(
        predictions,
        classify,
        seconds,
        count_parameters(trainer.model),
        trainer.samples / seconds,
        {"trained_parameters": trained},
    )


def make_trainer(
    model: Any, tokenizer: Any, texts: list[str], targets: np.ndarray, settings: FineTuneSettings
) -> tuple[HeadTrainer, Any]:
    """Make the trimmed decoder's trainer around transformers' classifier; give PEFT's wrapper too."""
    adapted = make_trainable(
        model,
        settings.method,
        rank=settings.rank,
        alpha=settings.alpha,
        dropout=settings.adapter_dropout,
        embeddings=settings.embeddings,
        seed=settings.seed,
    )
    model.score.requires_grad_(True)
    rows = [
        labelled_row(encode(tokenizer, PROMPT, text), int(target))
        for text, target in zip(texts, targets, strict=True)
    ]
    trainer = HeadTrainer(
        SequenceModel(adapted),
        trl_arguments(settings, Path(tempfile.gettempdir()) / "couturier-sequence", False),
        rows,
        [],
        tokenizer,
        batch_tokens=settings.batch_tokens,
        head_learning_rate=settings.head_learning_rate,
        layer_decay=settings.layer_decay,
        head=("model.score.",),
    )
    return trainer, adapted
