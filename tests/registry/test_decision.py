import numpy as np
import pandas as pd
import pytest

from rec_assets.params import Promotion
from rec_assets.registry.decision import compare, decide


def scores(mean, spread=0.05, seed=1, customers=200):
    values = np.random.default_rng(seed).normal(mean, spread, customers)
    return pd.Series(values, index=[f"C{i}" for i in range(customers)])


STRONG, WEAK = scores(0.5), scores(0.2, seed=2)


def test_the_best_baseline_is_the_one_compared():
    verdict = decide(STRONG, {"popular": WEAK, "repeat": scores(0.3, seed=3)}, None, Promotion(), first=True)
    assert verdict.decision == "first"
    assert [one.against for one in verdict.comparisons] == ["repeat"]
    assert verdict.comparisons[0].low > 0
    assert verdict.comparisons[0].p_value < 0.01


def test_a_first_model_behind_the_best_baseline_is_kept():
    verdict = decide(WEAK, {"popular": STRONG}, None, Promotion(), first=True)
    assert verdict.decision == "kept"
    assert "not ahead of the best baseline popular" in verdict.reasons[0]


def test_a_champion_falls_to_a_clear_winner_and_to_an_equal():
    for champion in (scores(0.45, seed=4), STRONG):
        assert (
            decide(STRONG, {"popular": WEAK}, ("abc", champion), Promotion(), first=False).decision
            == "promoted"
        )


def test_a_challenger_that_loses_to_the_champion_is_kept():
    better = scores(0.6, seed=4)
    verdict = decide(STRONG, {"popular": WEAK}, ("abc", better), Promotion(), first=False)
    assert verdict.decision == "kept"
    assert "loses to champion abc" in verdict.reasons[1]
    forgiving = decide(STRONG, {"popular": WEAK}, ("abc", better), Promotion(tolerance=0.2), first=False)
    assert forgiving.decision == "promoted"
    assert "0.2 is forgiven" in forgiving.reasons[1]


def test_a_lead_within_chance_replaces_no_champion():
    noisy, baseline = scores(0.5, spread=0.3, customers=30), scores(0.49, spread=0.3, seed=9, customers=30)
    lead = compare(noisy, baseline, "popular", Promotion())
    assert lead.low < 0 < lead.high
    verdict = decide(
        noisy, {"popular": baseline}, ("abc", scores(0.1, customers=30)), Promotion(), first=False
    )
    assert verdict.decision == "kept"
    assert "does not clearly beat" in verdict.reasons[0]


def test_the_comparison_is_paired_by_customer():
    # A constant lead of 0.01 drowns in the spread of 0.3 unless customers are paired.
    other = scores(0.5, spread=0.3)
    found = compare((other + 0.01).sample(frac=1, random_state=0), other, "popular", Promotion())
    assert (found.low, found.difference, found.high) == pytest.approx((0.01, 0.01, 0.01))
    assert found.customers == 200


def test_without_shared_customers_nothing_is_claimed():
    found = compare(STRONG, WEAK.rename(lambda name: f"other {name}"), "popular", Promotion())
    assert found.customers == 0
    assert found.p_value == 1.0


def test_a_champion_of_other_customers_stays():
    strangers = WEAK.rename(lambda name: f"other {name}")
    verdict = decide(STRONG, {"popular": WEAK}, ("abc", strangers), Promotion(), first=False)
    assert verdict.decision == "kept"
    assert "shares no customer with champion abc" in verdict.reasons[1]


def test_a_champion_that_cannot_be_compared_does_not_make_it_easier():
    baseline = scores(0.5, spread=0.3, customers=30)
    noisy = baseline + scores(0.0, spread=0.3, seed=9, customers=30)
    noisy += baseline.mean() + 0.01 - noisy.mean()
    assert decide(noisy, {"popular": baseline}, None, Promotion(), first=True).decision == "first"
    assert decide(noisy, {"popular": baseline}, None, Promotion(), first=False).decision == "kept"
