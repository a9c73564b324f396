"""Score labels by a trained head on a hidden state."""

from collections.abc import Sequence

import numpy as np
import torch

from rec_assets.heads.features import Pooling, pool, read_features, states_at
from rec_assets.heads.label_head import LabelHead
from rec_assets.heads.language_model import LanguageModel
from rec_assets.heads.states import TEXT_TOKENS, encode


class StateScorer:
    """Labels' scores: the logits of a trained head.

    Parameters
    ----------
    language
        The model, frozen or fine-tuned.
    head
        Rows of the n labels, and the prompt.
    layer, pooling
        Which state they score; the layer as :func:`rec_assets.heads.features.check_layer` gives it.
    text_tokens
        Tokens of a text that are read.
    """

    def __init__(
        self,
        language: LanguageModel,
        head: LabelHead,
        *,
        layer: int | None = None,
        pooling: Pooling = "last",
        text_tokens: int = TEXT_TOKENS,
    ) -> None:
        self.language = language
        self.head = head
        self.layer = layer
        self.pooling: Pooling = pooling
        self.text_tokens = text_tokens

    @property
    def prompt(self) -> str:
        """Template with the field ``{text}``, the head's."""
        return self.head.prompt

    def rows(self, texts: Sequence[str]) -> list[list[int]]:
        """Render texts to the token ids that are read."""
        tokenizer = self.language.tokenizer
        return [encode(tokenizer, self.prompt, text, text_tokens=self.text_tokens) for text in texts]

    @torch.no_grad()
    def scores(self, texts: Sequence[str]) -> np.ndarray:
        """Score N texts, (N, n): log-probabilities of the labels."""
        states = read_features(self.language, self.rows(texts), self.layer, self.pooling)
        logits = self.head(states.to(self.head.decoder.weight)).float()
        scores: np.ndarray = logits.log_softmax(dim=-1).cpu().numpy()
        return scores

    def differentiable_scores(self, **inputs: torch.Tensor) -> torch.Tensor:
        """Score labels of B rows of one length, keeping gradients, (B, n).

        Parameters
        ----------
        **inputs
            ``input_ids`` (B, T), or ``inputs_embeds`` (B, T, d).
        """
        states = states_at(self.language, self.layer, **inputs)
        scores: torch.Tensor = self.head(pool(states, self.pooling).to(self.head.decoder.weight))
        return scores.log_softmax(dim=-1)
