"""Answers of each model that the speed mode compares: equal care for all, so that only the models differ.

Every variant gives probabilities of the labels, reads rows of one length together without padding, and
multiplies in the number format that the product reads in. The trimmed one is the product's own classifier.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rec_assets.backbone.precision import reading
from rec_assets.heads.classifier import DecoderTrimmedClassifier
from rec_assets.heads.label_head import LabelHead
from rec_assets.heads.language_model import LanguageModel
from rec_assets.heads.state_scores import StateScorer
from rec_assets.heads.states import encode, equal_length_batches

Answer = Callable[[list[str]], np.ndarray]  # texts to probabilities, (N, n)
Score = Callable[[Tensor], Tensor]  # token ids (B, T) to logits (B, n)


def trimmed(model: Any, tokenizer: Any, head: LabelHead) -> Answer:
    """Answer as ``DecoderTrimmedClassifier`` does once it is fine-tuned."""
    scorer = StateScorer(LanguageModel(model, tokenizer), head)
    classifier = DecoderTrimmedClassifier.around(scorer, np.array(head.labels, object), "fine_tune")
    return classifier.predict_proba


def untrimmed(model: Any, tokenizer: Any, prompt: str, words: Tensor, last_position: bool) -> Answer:
    """Answer by the logits of the whole vocabulary at the prompt's end, cut to the labels' words (n,).

    Parameters
    ----------
    model, tokenizer
        A causal language model.
    prompt
        Template with the field ``{text}``.
    words
        The token of each label, (n,).
    last_position
        Score the last position alone; else all of them, as the model does when it is called.
    """
    kept = 1 if last_position else 0  # 0 keeps all

    def score(ids: Tensor) -> Tensor:
        return model(input_ids=ids, use_cache=False, logits_to_keep=kept).logits[:, -1, words]

    return _answer(model, tokenizer, prompt, score)


def sequence(model: Any, tokenizer: Any, prompt: str) -> Answer:
    """Answer as transformers' sequence classifier does."""
    return _answer(model, tokenizer, prompt, lambda ids: model(input_ids=ids, use_cache=False).logits)


def _answer(model: Any, tokenizer: Any, prompt: str, score: Score) -> Answer:
    model.eval()
    device = next(model.parameters()).device

    @torch.no_grad()
    def answer(texts: list[str]) -> np.ndarray:
        rows = [encode(tokenizer, prompt, text) for text in texts]
        found: list[np.ndarray | None] = [None] * len(rows)
        for batch in equal_length_batches([len(row) for row in rows]):
            ids = torch.tensor([rows[place] for place in batch], device=device)
            with reading(device):
                logits = score(ids)
            for place, told in zip(batch, logits.float().softmax(dim=-1).cpu().numpy(), strict=True):
                found[place] = told
        return np.stack([one for one in found if one is not None])

    return answer
