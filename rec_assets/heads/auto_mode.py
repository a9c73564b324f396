"""Which mode ``auto`` comes to where texts are labelled: few_shot or linear, by trial if there can be one."""

from collections.abc import Callable, Sequence

import numpy as np
from sklearn.model_selection import StratifiedKFold
from tqdm import tqdm

from rec_assets.heads.modes import Mode

_MANY = 20  # labels above which solved examples of all are a prompt longer than the texts are worth
_LEAST = 4  # different texts of a label that is tried: three to learn from, one to be asked about
_MOST = 1000  # texts that are tried
_FOLDS = 4
_ANSWERS = 100  # answers by which modes are compared: no more folds are tried once there are as many

Trial = Callable[[Mode, np.ndarray, np.ndarray], np.ndarray | None]


def choose_mode(trial: Trial, texts: Sequence[str], targets: np.ndarray, labels: int, seed: int) -> Mode:
    """Choose the mode that labels more texts right which it did not learn from.

    Without a trial it is linear where there are more than 20 labels, and few_shot where a label has no text,
    which only its words can answer, or no two labels have four different texts.

    Parameters
    ----------
    trial
        Given a mode, places of texts to learn from and places of M others: the label indices that it answers
        these with, (M,), or none where it cannot be tried.
    texts
        N texts. One that comes again is tried once: learnt by heart, it would tell nothing.
    targets
        Their labels' indices, (N,).
    labels
        How many labels there are, those without a text too.
    seed
        Of the folds, and of what is drawn where there are thousands of texts.

    Returns
    -------
    str
        ``few_shot``; or ``linear``, which answers sooner and is saved smaller, on ties too, and where one of
        the two could not be tried.
    """
    if not 2 <= labels <= _MANY:
        return "linear"
    different = np.unique(np.array(texts, dtype=object), return_index=True)[1]
    counts = np.bincount(targets[different], minlength=labels)
    frequent = different[counts[targets[different]] >= _LEAST]
    if not counts.all() or len(np.unique(targets[frequent])) < 2:
        return "few_shot"
    random = np.random.default_rng(seed)
    lead = 0
    for learnt, asked in tqdm(_folds(frequent, targets, random), desc="try modes", unit="fold", leave=False):
        prompted, trained = trial("few_shot", learnt, asked), trial("linear", learnt, asked)
        if prompted is None or trained is None:
            return "linear"
        lead += int((prompted == targets[asked]).sum()) - int((trained == targets[asked]).sum())
    return "few_shot" if lead > 0 else "linear"


def _folds(
    places: np.ndarray, targets: np.ndarray, random: np.random.Generator
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Split places into those learnt from and those asked about, as often as it takes to ask enough."""
    some = _draw(places, targets, random)
    split = StratifiedKFold(_FOLDS, shuffle=True, random_state=int(random.integers(2**31)))
    found: list[tuple[np.ndarray, np.ndarray]] = []
    for learnt, asked in split.split(some, targets[some]):
        if sum(len(others) for _, others in found) >= _ANSWERS:
            break
        found.append((some[learnt], some[asked]))
    return found


def _draw(places: np.ndarray, targets: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Draw places in the labels' proportions, but enough of every label."""
    share = min(1.0, _MOST / len(places))
    drawn = []
    for label in np.unique(targets[places]):
        own = places[targets[places] == label]
        drawn.append(random.permutation(own)[: max(_LEAST, round(share * len(own)))])
    return np.sort(np.concatenate(drawn))
