"""Promote or keep: the rule, on paired scores of the same customers."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from rec_assets.evaluation.significance import bootstrap_means, interval, p_value
from rec_assets.params import Promotion

SAMPLES = 2000
SEED = 0

FIRST = "first"
PROMOTED = "promoted"
KEPT = "kept"


@dataclass(frozen=True)
class Comparison:
    """The challenger's lead over one other model.

    Parameters
    ----------
    against
        The other model.
    metric, masked
        What was measured; ``masked`` as in the ranked lists.
    customers
        Customers both were judged on.
    difference, low, high
        Mean lead and its bootstrap interval; positive means the challenger is better.
    p_value
        Two-sided.
    """

    against: str
    metric: str
    masked: bool
    customers: int
    difference: float
    low: float
    high: float
    p_value: float


@dataclass(frozen=True)
class Verdict:
    """The decision, and why."""

    decision: str
    reasons: tuple[str, ...]
    comparisons: tuple[Comparison, ...]


def compare(challenger: pd.Series, other: pd.Series, against: str, params: Promotion) -> Comparison:
    """Compare two models customer by customer with a paired bootstrap.

    Parameters
    ----------
    challenger, other
        Score by customer id; customers only one of them has are left out.
    against
        Name of the other model.
    params
        Metric and confidence.
    """
    pairs = pd.concat([challenger, other], axis=1, join="inner").dropna().sort_index()
    leads = (pairs.iloc[:, 0] - pairs.iloc[:, 1]).to_numpy(dtype=float)  # (customers,)
    if not len(leads):
        return Comparison(against, params.metric, params.masked, 0, 0.0, 0.0, 0.0, 1.0)
    means = bootstrap_means(leads[:, None], SAMPLES, SEED)[:, 0]
    low, high = interval(means, params.confidence)
    values = [round(float(value), 6) for value in (np.mean(leads), low, high, p_value(means))]
    return Comparison(against, params.metric, params.masked, len(leads), *values)


def decide(
    challenger: pd.Series,
    baselines: Mapping[str, pd.Series],
    champion: tuple[str, pd.Series] | None,
    params: Promotion,
    *,
    first: bool,
) -> Verdict:
    """Judge a challenger.

    It becomes champion when its whole interval lies above the best baseline and does not lie wholly below the
    champion by more than ``promotion.tolerance``. For the first champion of a retailer nothing better is in
    service than the best baseline, so being ahead of it on average is enough.

    Parameters
    ----------
    challenger
        Its score by customer id on the newest holdout.
    baselines
        The baselines' scores, by name; the one with the highest mean is the best.
    champion
        Version and scores of the champion on the same holdout; none when it cannot be compared.
    params
        The section of ``params.yaml``.
    first
        Whether no champion serves this retailer yet.
    """
    comparisons, reasons, passed = [], [], []
    if baselines:
        best = max(sorted(baselines), key=lambda name: baselines[name].mean())
        ahead = compare(challenger, baselines[best], best, params)
        comparisons.append(ahead)
        if first:
            passed.append(ahead.difference > 0)
            reasons.append(
                _sentence(ahead, passed[-1], "is ahead of", "is not ahead of", "the best baseline")
            )
        else:
            passed.append(ahead.low > 0)
            reasons.append(
                _sentence(ahead, passed[-1], "beats", "does not clearly beat", "the best baseline")
            )
    else:
        reasons.append("No baseline was judged, so only the champion counts.")
    if champion:
        against = compare(challenger, champion[1], champion[0], params)
        comparisons.append(against)
        passed.append(against.customers > 0 and against.high >= -params.tolerance)
        forgiven = f" (a loss of {params.tolerance:g} is forgiven)" if params.tolerance else ""
        lost = "loses to" if against.customers else "shares no customer with"
        reasons.append(_sentence(against, passed[-1], "does not lose to", lost, "champion") + forgiven)
    decision = KEPT if not all(passed) else FIRST if first else PROMOTED
    return Verdict(decision, tuple(reasons), tuple(comparisons))


def _sentence(found: Comparison, passed: bool, good: str, bad: str, role: str) -> str:
    return (
        f"The challenger {good if passed else bad} {role} {found.against}: {found.metric} "
        f"{found.difference:+.4f} [{found.low:+.4f}, {found.high:+.4f}] over {found.customers:,} customers, "
        f"p = {found.p_value:.3g}."
    )
