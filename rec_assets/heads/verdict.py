"""Whether a head holds against the rules it has to beat, and the checks that say so."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.stats import binomtest

from rec_assets.pipeline import Check

BEATS_MAJORITY = "beats_majority"
MATCHES_BASELINE = "matches_baseline"
MAJORITY = "majority"
_CHANCE = 0.05  # of calling a head worse than a rule that is its equal


def falls_short(truth: np.ndarray, predicted: np.ndarray, rival: np.ndarray, tolerance: float) -> bool:
    """Whether a head is less accurate than a rival by more than a tolerance, beyond chance.

    Chance is judged by the exact sign test over the rows where one of them is right and the other is not: on
    a handful of test rows one wrong answer is no evidence.

    Parameters
    ----------
    truth, predicted, rival
        Label indices, (N,).
    tolerance
        Difference in accuracy that is forgiven.
    """
    own, other = predicted == truth, rival == truth
    if other.mean() - own.mean() <= tolerance:
        return False
    lost, won = int((other & ~own).sum()), int((own & ~other).sum())
    return bool(binomtest(lost, lost + won, alternative="greater").pvalue < _CHANCE)


def checks(judged: Mapping[str, Mapping[str, Any]], left_out: int) -> list[Check]:
    """Make the two blocking checks of the figures of all heads.

    Parameters
    ----------
    judged
        By head: accuracies in ``head``, ``majority`` and under the name in ``baseline``; whether it
        ``falls_short`` of each of the two.
    left_out
        Heads that were not trained.
    """
    return [
        _check(BEATS_MAJORITY, judged, "the most frequent label", lambda one: MAJORITY, left_out),
        _check(MATCHES_BASELINE, judged, "their baselines", lambda one: str(one["baseline"]), left_out),
    ]


def _check(name: str, judged: Mapping[str, Mapping[str, Any]], what: str, rival: Any, left_out: int) -> Check:
    short = [head for head, one in judged.items() if rival(one) in one["falls_short"]]
    leads = {
        head: one["head"]["accuracy"] - one[rival(one)]["accuracy"] for head, one in sorted(judged.items())
    }
    told = ", ".join(f"{head} ({leads[head]:+.3f} against {rival(judged[head])})" for head in short)
    return Check(
        name,
        not short,
        f"Less accurate than {what}: {told}."
        if short
        else f"{len(judged)} heads hold against {what}, {left_out} were left out.",
        leads,
    )
