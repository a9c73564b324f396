"""Trimmed, untrimmed and transformers' own classifier of one base: time and memory of the same texts."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from harness.memory import peak_mb
from harness.results import commit
from torch import Tensor
from torch.nn import functional as F
from transformers import PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from classification.answering import Answer, sequence, trimmed, untrimmed
from classification.bases import count_parameters, language_model
from classification.judge import speed
from classification.sequence import PROMPT as SEQUENCE_PROMPT
from classification.sequence import SequenceModel, load
from rec_assets.backbone.precision import choose_precision
from rec_assets.heads.adapters import make_trainable
from rec_assets.heads.fine_tune_settings import FineTuneSettings, trl_arguments
from rec_assets.heads.head_model import HeadModel
from rec_assets.heads.head_trainer import HeadTrainer, labelled_row
from rec_assets.heads.label_head import LabelHead
from rec_assets.heads.states import encode
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


@dataclass(frozen=True)
class Variant:
    """One way to classify with a base.

    Parameters
    ----------
    answer
        Texts to probabilities, as a user would ask.
    build
        Gives the model with adapters, ready to train.
    tokenizer, prompt
        What texts are written with.
    parameters
        Numbers an answer is computed from.
    """

    answer: Answer
    build: Callable[[], PreTrainedModel]
    tokenizer: Any
    prompt: str
    parameters: int


def measure(base: str, layers: int | None, name: str, files: Path) -> dict[str, Any]:
    """Time one variant: answers first, then one epoch of LoRA on as many texts; peak memory after each."""
    texts = made_up_texts(_TEXTS)
    variant = make_variant(base, layers, name)
    tokenizer = variant.tokenizer
    rows = [
        labelled_row(encode(tokenizer, variant.prompt, text), i % len(LABELS)) for i, text in enumerate(texts)
    ]
    told = speed(variant.answer, texts)
    answering = peak_mb()
    trainer = HeadTrainer(
        variant.build(),
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
        "model": f"{name}/{base}",
        "dataset": f"{_TEXTS} made-up texts",
        "tokens_a_text": round(float(np.mean([len(row.ids) for row in rows])), 1),
        **{figure: round(value, 2) for figure, value in told.items()},
        "train_samples_per_second": round(_TRAINED / (time.perf_counter() - start), 2),
        "peak_mb": answering,
        "peak_mb_training": peak_mb(),
        "parameters": variant.parameters,
        "number_format": str(choose_precision()).removeprefix("torch."),
        "layers": layers,
        "commit": commit(),
    }


def made_up_texts(count: int) -> list[str]:
    """Sentences of 20 to 50 common words: speed does not depend on what they say."""
    random = np.random.default_rng(0)
    words = _WORDS.split()
    return [" ".join(random.choice(words, random.integers(20, 51))) for _ in range(count)]


def make_variant(base: str, layers: int | None, name: str) -> Variant:
    """Load the base for a variant out of :data:`~classification.variants.VARIANTS`."""
    if name == "sequence_classification":
        model, tokenizer = load(base, layers, len(LABELS))

        def classifier() -> PreTrainedModel:
            whole = SequenceModel(_adapted(model))
            model.score.requires_grad_(True)
            return whole

        answer = sequence(model, tokenizer, SEQUENCE_PROMPT)
        return Variant(answer, classifier, tokenizer, SEQUENCE_PROMPT, count_parameters(model))
    model, tokenizer = language_model(base, layers)
    head = LabelHead.from_label_words(model, tokenizer, LABELS, PROMPT)
    if name == "trimmed":
        size = count_parameters(model.get_decoder(), head)
        answer = trimmed(model, tokenizer, head)
        return Variant(answer, lambda: HeadModel(_adapted(model), head), tokenizer, PROMPT, size)
    words, last = head.decoder.token_ids, name == "untrimmed_last_position"

    def vocabulary() -> PreTrainedModel:
        _adapted(model)  # adapters are put into its own layers
        return VocabularyModel(model, words, last)

    answer = untrimmed(model, tokenizer, PROMPT, words, last)
    return Variant(answer, vocabulary, tokenizer, PROMPT, count_parameters(model))


def _adapted(model: Any) -> Any:
    return make_trainable(model, "lora", rank=16, alpha=32, dropout=0.0, embeddings=False, seed=0)
