"""Which mode ``auto`` comes to: by the labelled texts there are, and where they are enough, by trial."""

from collections.abc import Callable

import numpy as np
from sklearn.model_selection import StratifiedKFold
from tqdm import tqdm

from rec_assets.heads.modes import Mode

# Fine-tuning is never chosen unasked. On ties the first: it answers sooner and is saved smaller.
TRIED: tuple[Mode, ...] = ("linear", "few_shot")
_ENOUGH = 4  # texts of every label from which a head can be trained and tried
_MANY = 20  # labels above which solved examples of all are a prompt longer than the texts are worth
_FOLDS = 4
_ANSWERS = 100  # answers by which modes are compared: no more folds are tried once there are as many
_LEARNT, _ASKED = 750, 250  # texts of a fold at most

Trial = Callable[[Mode, np.ndarray, np.ndarray], np.ndarray | None]


def choose_mode(targets: np.ndarray | None, labels: int) -> Mode:
    """Resolve ``auto`` as far as numbers tell: by the labelled texts, and the rarest of n labels.

    Returns
    -------
    str
        A mode, or ``auto`` where several are to be tried.
    """
    if targets is None:
        return "zero_shot"
    if np.bincount(targets, minlength=labels).min() < _ENOUGH:
        return "few_shot"
    return "auto" if labels <= _MANY else "linear"


def choose_by_trial(trial: Trial, targets: np.ndarray, seed: int) -> Mode:
    """Choose the mode that labels most texts right which it did not learn from.

    Parameters
    ----------
    trial
        Given a mode, places of texts to learn from and places of M others: the label indices that it answers
        these with, (M,), or none where the mode is out of the question.
    targets
        Label indices, (N,), four or more of every label.
    seed
        Of the folds, and of what is drawn where there are thousands of texts.
    """
    right = dict.fromkeys(TRIED, 0)
    for learnt, asked in tqdm(_folds(targets, seed), desc="try modes", unit="fold", leave=False):
        for mode in list(right):
            answers = trial(mode, learnt, asked)
            if answers is None:
                del right[mode]
            else:
                right[mode] += int((answers == targets[asked]).sum())
        if len(right) == 1:
            break
    return max(right, key=lambda mode: right[mode])


def _folds(targets: np.ndarray, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Split N texts into those learnt from and those asked about, as often as it takes to ask enough."""
    random = np.random.default_rng(seed)
    found: list[tuple[np.ndarray, np.ndarray]] = []
    for learnt, asked in StratifiedKFold(_FOLDS, shuffle=True, random_state=seed).split(targets, targets):
        if sum(len(others) for _, others in found) >= _ANSWERS:
            break
        found.append((_draw(random, learnt, _LEARNT), _draw(random, asked, _ASKED)))
    return found


def _draw(random: np.random.Generator, places: np.ndarray, most: int) -> np.ndarray:
    return np.sort(random.permutation(places)[:most])
