"""Trimmed, untrimmed and transformers' own classifier of one base: time and memory of the same texts."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from harness.memory import peak_mb
from harness.results import commit
from torch import Tensor
from torch.nn import functional as F
from transformers import PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from classification.bases import count_parameters, language_model
from classification.judge import speed
from classification.sequence import PROMPT as SEQUENCE_PROMPT
from classification.sequence import SequenceModel, load
from rec_assets.heads.adapters import make_trainable
from rec_assets.heads.fine_tune_settings import FineTuneSettings, trl_arguments
from rec_assets.heads.head_model import HeadModel
from rec_assets.heads.head_trainer import HeadTrainer, labelled_row
from rec_assets.heads.label_head import LabelHead
from rec_assets.heads.states import encode
from rec_assets.recommender.batches import LengthBatches, collate
from rec_assets.vocabulary.token_rows import IGNORED

PROMPT = "Article: {text}\nThe topic of this article is"
LABELS = ("politics", "sports", "business", "technology")
_WORDS = "the a of market team game plan new said over company world after first last year big to in"
_TEXTS, _TRAINED, _BATCH_TOKENS = 256, 64, 1024
_SETTINGS = FineTuneSettings(epochs=1, batch_tokens=_BATCH_TOKENS, dropout=0)


class VocabularyModel(PreTrainedModel):
    """The untrimmed model: logits of every word, and their cross-entropy at the answer's place.

    Parameters
    ----------
    model
        A causal language model.
    words
        The token of each label, (n,).
    last_position
        Score the last position alone; else all of them, as the model does when it is called.
    """

    _supports_sdpa = True

    def __init__(self, model: Any, words: Tensor, last_position: bool) -> None:
        super().__init__(model.config)
        self.model = model
        self.words = words
        self.last_position = last_position

    def forward(self, input_ids: Tensor, targets: Tensor, **_: Any) -> SequenceClassifierOutput:
        """Score all words (V) and answer with the labels' (n)."""
        wanted = targets != IGNORED
        if self.last_position:
            states = self.model.get_decoder()(input_ids=input_ids, use_cache=False).last_hidden_state
            logits = self.model.get_output_embeddings()(states[wanted])
        else:
            logits = self.model(input_ids=input_ids, use_cache=False).logits[wanted]
        loss = F.cross_entropy(logits, self.words[targets[wanted]])
        return SequenceClassifierOutput(loss=loss, logits=logits[:, self.words])


def measure(base: str, layers: int | None, variant: str, files: Path) -> dict[str, Any]:
    """Time one variant: answers first, then one epoch of LoRA on as many texts; peak memory after each."""
    texts = made_up_texts(_TEXTS)
    build, tokenizer, prompt, size = _variant(base, layers, variant)
    rows = [labelled_row(encode(tokenizer, prompt, text), i % len(LABELS)) for i, text in enumerate(texts)]
    model = build(False).eval()

    @torch.no_grad()
    def classify(asked: list[str]) -> None:
        # Token ids are made as a user's call would make them.
        own = [labelled_row(encode(tokenizer, prompt, text), 0) for text in asked]
        for batch in LengthBatches([len(row.ids) for row in own], _BATCH_TOKENS, seed=None):
            model(**collate([own[place] for place in batch])).logits.argmax(dim=-1)

    told = speed(classify, texts)
    answering = peak_mb()
    trainer = HeadTrainer(
        build(True),
        trl_arguments(_SETTINGS, files / "speed", False),
        rows[:_TRAINED],
        [],
        tokenizer,
        batch_tokens=_BATCH_TOKENS,
        head_learning_rate=_SETTINGS.head_learning_rate,
        head=("head.", "model.score."),
    )
    start = time.perf_counter()
    trainer.train()
    return {
        "model": f"{variant}/{base}",
        "dataset": f"{_TEXTS} made-up texts",
        "tokens_a_text": round(float(np.mean([len(row.ids) for row in rows])), 1),
        **{name: round(value, 2) for name, value in told.items()},
        "train_samples_per_second": round(_TRAINED / (time.perf_counter() - start), 2),
        "peak_mb": answering,
        "peak_mb_training": peak_mb(),
        "parameters": size,
        "layers": layers,
        "commit": commit(),
    }


def made_up_texts(count: int) -> list[str]:
    """Sentences of 20 to 50 common words: speed does not depend on what they say."""
    random = np.random.default_rng(0)
    words = _WORDS.split()
    return [" ".join(random.choice(words, random.integers(20, 51))) for _ in range(count)]


def _variant(base: str, layers: int | None, variant: str) -> tuple[Callable[[bool], Any], Any, str, int]:
    """Give a maker of the model (True: with adapters to train), tokenizer, prompt and parameters."""
    if variant == "sequence_classification":
        model, tokenizer = load(base, layers, len(LABELS))

        def sequence(trained: bool) -> PreTrainedModel:
            whole = SequenceModel(_adapted(model) if trained else model)
            model.score.requires_grad_(True)
            return whole

        return sequence, tokenizer, SEQUENCE_PROMPT, count_parameters(model)
    model, tokenizer = language_model(base, layers)
    head = LabelHead.from_label_words(model, tokenizer, LABELS, PROMPT)
    if variant == "trimmed":
        size = count_parameters(model.get_decoder(), head)
        return lambda trained: HeadModel(_adapted(model) if trained else model, head), tokenizer, PROMPT, size

    def vocabulary(trained: bool) -> PreTrainedModel:
        if trained:
            _adapted(model)  # adapters are put into its own layers
        return VocabularyModel(model, head.decoder.token_ids, variant == "untrimmed_last_position")

    return vocabulary, tokenizer, PROMPT, count_parameters(model)


def _adapted(model: Any) -> Any:
    return make_trainable(model, "lora", rank=16, alpha=32, dropout=0.0, embeddings=False, seed=0)
