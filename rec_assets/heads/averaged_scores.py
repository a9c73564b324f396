"""Score labels by two heads on one pass: the fine-tuned one, and a regression on a frozen layer below it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from rec_assets.heads.features import Pooling, pool, read_beside, read_features, states_beside
from rec_assets.heads.label_head import LabelHead
from rec_assets.heads.language_model import LanguageModel
from rec_assets.heads.linear import logistic_head
from rec_assets.heads.penalty import choose_penalty
from rec_assets.heads.state_scores import StateScorer
from rec_assets.heads.states import TEXT_TOKENS

FROZEN_POOLING: Pooling = "mean"
_COMPARED = 4000  # texts on which the penalty is chosen


class AveragedScorer(StateScorer):
    """Labels' scores: the mean of two heads' log-probabilities, normalised again.

    A fine-tuned head is sure of what it learnt; a regression on states that fine-tuning did not touch errs
    elsewhere, so that together they are right more often and less sure where they disagree (a product of
    experts, Hinton 2002). The lower states lie on the way to the upper: both come out of one pass.

    Parameters
    ----------
    language
        The fine-tuned model.
    head
        Rows of the n labels for the last state of the last token, and the prompt.
    frozen
        Rows of the same labels for the mean state of a layer.
    place
        That layer, 0 for the embeddings.
    text_tokens
        Tokens of a text that are read.
    """

    def __init__(
        self,
        language: LanguageModel,
        head: LabelHead,
        frozen: LabelHead,
        *,
        place: int,
        text_tokens: int = TEXT_TOKENS,
    ) -> None:
        super().__init__(language, head, text_tokens=text_tokens)
        self.frozen = frozen
        self.place = place

    @torch.no_grad()
    def scores(self, texts: Sequence[str]) -> np.ndarray:
        """Score N texts, (N, n): log-probabilities of the labels."""
        below, last = read_beside(self.language, self.rows(texts), self.place, FROZEN_POOLING)
        scores: np.ndarray = self._average(below, last).cpu().numpy()
        return scores

    def differentiable_scores(self, **inputs: torch.Tensor) -> torch.Tensor:
        """Score labels of B rows of one length, keeping gradients, (B, n)."""
        below, last = states_beside(self.language, self.place, **inputs)
        return self._average(pool(below.float(), FROZEN_POOLING), pool(last.float(), self.pooling))

    def _average(self, below: torch.Tensor, last: torch.Tensor) -> torch.Tensor:
        both = [
            head(states.to(head.decoder.weight)).float().log_softmax(dim=-1)
            for head, states in ((self.frozen, below), (self.head, last))
        ]
        return torch.stack(both).mean(dim=0).log_softmax(dim=-1)


def with_frozen_head(
    tuned: StateScorer, texts: Sequence[str], targets: np.ndarray, settings: Any
) -> StateScorer:
    """Put a logistic regression on the last frozen layer beside a fine-tuned head, where settings ask for it.

    Parameters
    ----------
    tuned
        The fine-tuned model and its head, for its last state.
    texts
        The N texts it was trained on.
    targets
        Their labels' indices, (N,).
    settings
        Its :class:`~rec_assets.heads.fine_tune_settings.FineTuneSettings`.

    Returns
    -------
    StateScorer
        An :class:`AveragedScorer`; without ``settings.frozen_head`` what was given.
    """
    if not settings.frozen_head:
        return tuned
    place, seed = settings.frozen_layers, settings.seed
    states = read_features(tuned.language, tuned.rows(texts), place, FROZEN_POOLING)
    some = np.random.default_rng(seed).permutation(len(texts))[:_COMPARED]
    penalty = choose_penalty(states[some].numpy(), targets[some], seed)
    frozen = logistic_head(states, targets, tuned.head.labels, tuned.prompt, penalty)
    return AveragedScorer(tuned.language, tuned.head, frozen, place=place, text_tokens=tuned.text_tokens)
