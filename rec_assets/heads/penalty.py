"""How strongly a linear head is held back, by cross-validation on its training rows."""

from collections.abc import Sequence

import numpy as np
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler

from rec_assets.heads.linear import fit_logistic

# Few rows of a vague attribute want much more of it than many rows of one that the text names.
PENALTIES = (0.003, 0.01, 0.1)
_FOLDS = 3
_USUAL = 0.1


def choose_penalty(
    states: np.ndarray, targets: np.ndarray, seed: int, penalties: Sequence[float] = PENALTIES
) -> float:
    """Choose the inverse penalty with the least log-loss on rows not learnt from.

    Parameters
    ----------
    states
        Features of the training rows, (N, d).
    targets
        Label indices, (N,). A label of a single row takes no part.
    seed
        Of the folds.
    penalties
        Candidates; of equal ones the strongest penalty is taken.

    Returns
    -------
    float
        One of ``penalties``; 0.1 where nothing can be compared.
    """
    counts = np.bincount(targets)
    kept = np.isin(targets, np.flatnonzero(counts >= 2))
    features, answers = states[kept].astype(np.float64), targets[kept]
    if len(np.unique(answers)) < 2:
        return _USUAL
    folds = StratifiedKFold(
        min(_FOLDS, int(counts[np.unique(answers)].min())), shuffle=True, random_state=seed
    )
    losses = dict.fromkeys(sorted(penalties), 0.0)
    for learnt, held in folds.split(features, answers):
        scaler = StandardScaler().fit(features[learnt])
        for C in losses:
            regression = fit_logistic(scaler.transform(features[learnt]), answers[learnt], C)
            said = regression.predict_proba(scaler.transform(features[held]))
            losses[C] += float(log_loss(answers[held], said, labels=regression.classes_, normalize=False))
    return min(losses, key=lambda C: (losses[C], C))
