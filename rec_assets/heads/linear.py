"""Train a label head's rows on frozen features by logistic regression, and choose the features."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold

from rec_assets.backbone.trim import LogitScaling, TrimmedDecoder
from rec_assets.heads.features import Pooling
from rec_assets.heads.label_head import LabelHead

_ABSENT = -1e4  # a label without a training text is never the answer
_ROUNDS = 1000
_FOLDS = 4


def logistic_head(
    states: torch.Tensor, targets: np.ndarray, labels: Sequence[Any], prompt: str, C: float
) -> LabelHead:
    """Fit a regularised multinomial logistic regression and fold it into rows of a head.

    Channels are standardised first: their spreads differ by orders of magnitude, and the penalty should not
    fall on the small ones.

    Parameters
    ----------
    states
        Features, (N, d).
    targets
        Label indices, (N,).
    labels
        The n labels.
    prompt
        Kept with the head.
    C
        Inverse strength of the penalty.
    """
    features = states.double().numpy()
    mean, spread = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-6)
    present = np.unique(targets)
    weight = np.zeros((len(labels), features.shape[1]))
    bias = np.full(len(labels), _ABSENT)
    bias[present] = 0.0
    if len(present) > 1:
        regression = fit_logistic((features - mean) / spread, targets, C)
        rows, offsets = regression.coef_, regression.intercept_
        if len(present) == 2:  # one row that tells two labels apart
            rows, offsets = np.concatenate([-rows, rows]) / 2, np.concatenate([-offsets, offsets]) / 2
        weight[present] = rows / spread
        bias[present] = offsets - weight[present] @ mean
    decoder = TrimmedDecoder(
        torch.tensor(weight, dtype=torch.float32),
        torch.tensor(bias, dtype=torch.float32),
        torch.full((len(labels),), -1),
        LogitScaling(),
        len(labels),
    )
    return LabelHead(decoder, [str(label) for label in labels], prompt)


def choose_features(
    layers: Mapping[tuple[int, Pooling], torch.Tensor], targets: np.ndarray, C: float, seed: int
) -> tuple[int, Pooling]:
    """Choose layer and pooling by cross-validated log-loss on the training texts.

    Parameters
    ----------
    layers
        Candidates, ``{(layer, pooling): (N, d)}``.
    targets
        Label indices, (N,).
    C
        Inverse strength of the penalty.
    seed
        Of the folds.

    Returns
    -------
    tuple of (int, str)
        The best candidate; the last layer's first where nothing can be compared, for fewer than two labels
        have two texts.
    """
    kept = np.flatnonzero(np.isin(targets, np.flatnonzero(np.bincount(targets) >= 2)))
    if len(np.unique(targets[kept])) < 2:
        last = max(layer for layer, _ in layers)
        return next(key for key in layers if key[0] == last)  # its last token, where there is a choice
    folds = StratifiedKFold(
        min(_FOLDS, int(np.bincount(targets[kept])[np.unique(targets[kept])].min())),
        shuffle=True,
        random_state=seed,
    )
    losses: dict[tuple[int, Pooling], float] = {}
    for key, states in layers.items():
        features = states.double().numpy()[kept]
        total = 0.0
        for learnt, held in folds.split(features, targets[kept]):
            mean, spread = features[learnt].mean(axis=0), np.maximum(features[learnt].std(axis=0), 1e-6)
            model = fit_logistic((features[learnt] - mean) / spread, targets[kept][learnt], C)
            answers = model.predict_proba((features[held] - mean) / spread)
            total += float(log_loss(targets[kept][held], answers, labels=model.classes_, normalize=False))
        losses[key] = total
    return min(losses, key=lambda key: (losses[key], -key[0]))


def fit_logistic(features: np.ndarray, targets: np.ndarray, C: float) -> LogisticRegression:
    """Fit a logistic regression on standardised features, (N, d); one that needs longer stops, unwarned."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return LogisticRegression(C=C, max_iter=_ROUNDS).fit(features, targets)
