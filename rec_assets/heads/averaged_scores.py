"""Score labels by two heads on one pass: the fine-tuned one, and a regression on a layer below it."""

from collections.abc import Sequence

import numpy as np
import torch

from rec_assets.heads.features import (
    Pooling,
    check_layer,
    pool,
    read_beside,
    read_features,
    states_beside,
)
from rec_assets.heads.label_head import LabelHead
from rec_assets.heads.language_model import LanguageModel
from rec_assets.heads.linear import logistic_head
from rec_assets.heads.penalty import choose_penalty
from rec_assets.heads.state_scores import StateScorer
from rec_assets.heads.states import TEXT_TOKENS

REGRESSION_POOLING: Pooling = "mean"
_COMPARED = 4000  # texts on which the penalty is chosen


class AveragedScorer(StateScorer):
    """Labels' scores: the mean of two heads' log-probabilities, normalised again.

    A logarithmic opinion pool (Heskes 1998) of a fine-tuned head at a text's end and a regression on the mean
    over its tokens: it is less sure than either where they disagree. A label that the regression has seen no
    text of is never the answer.

    Parameters
    ----------
    language
        The fine-tuned model.
    head
        Rows of the n labels for the last state of the last token, and the prompt.
    regression
        Rows of the same labels for the mean state of a layer.
    regression_layer
        That layer, as :func:`rec_assets.heads.features.check_layer` gives it: its states lie on the way to
        the last, so both come out of one pass.
    text_tokens
        Tokens of a text that are read.
    """

    def __init__(
        self,
        language: LanguageModel,
        head: LabelHead,
        regression: LabelHead,
        *,
        regression_layer: int | None,
        text_tokens: int = TEXT_TOKENS,
    ) -> None:
        super().__init__(language, head, text_tokens=text_tokens)
        self.regression = regression
        self.regression_layer = regression_layer

    @torch.no_grad()
    def scores(self, texts: Sequence[str]) -> np.ndarray:
        """Score N texts, (N, n): log-probabilities of the labels."""
        below, last = read_beside(self.language, self.rows(texts), self.regression_layer, REGRESSION_POOLING)
        scores: np.ndarray = self._average(below, last).cpu().numpy()
        return scores

    def differentiable_scores(self, **inputs: torch.Tensor) -> torch.Tensor:
        """Score labels of B rows of one length, keeping gradients, (B, n); see :class:`StateScorer`."""
        below, last = states_beside(self.language, self.regression_layer, **inputs)
        return self._average(pool(below.float(), REGRESSION_POOLING), pool(last.float(), self.pooling))

    def _average(self, below: torch.Tensor, last: torch.Tensor) -> torch.Tensor:
        both = [
            head(states.to(head.decoder.weight)).float().log_softmax(dim=-1)
            for head, states in ((self.regression, below), (self.head, last))
        ]
        return torch.stack(both).mean(dim=0).log_softmax(dim=-1)


def add_regression(
    tuned: StateScorer, texts: Sequence[str], targets: np.ndarray, *, layer: int, seed: int
) -> AveragedScorer:
    """Fit a logistic regression on a layer's mean states, to answer along with a fine-tuned head.

    Parameters
    ----------
    tuned
        The fine-tuned model and its head, for its last state.
    texts
        N labelled texts; those that fine-tuning was validated on may be among them.
    targets
        Their labels' indices, (N,).
    layer
        As :func:`rec_assets.heads.features.check_layer` takes it; 0 for the input embeddings, so that it
        tells labels by words alone. Layers above it are not computed.
    seed
        Of the texts on which the penalty is chosen.

    Raises
    ------
    HeadError
        When there is no such layer.
    """
    place = check_layer(tuned.language, layer)
    states = read_features(tuned.language, tuned.rows(texts), place, REGRESSION_POOLING)
    some = np.random.default_rng(seed).permutation(len(texts))[:_COMPARED]
    penalty = choose_penalty(states[some].numpy(), targets[some], seed)
    regression = logistic_head(states, targets, tuned.head.labels, tuned.prompt, penalty)
    return AveragedScorer(
        tuned.language, tuned.head, regression, regression_layer=place, text_tokens=tuned.text_tokens
    )
