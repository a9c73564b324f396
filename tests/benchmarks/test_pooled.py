"""Pooling over dates: means, gains, and intervals over whole customers."""

import numpy as np
import pandas as pd
import pytest
from harness.pooled import GAIN, pool


def pairs(values: dict[str, list[float]], dates: int = 1, seed: int = 1) -> pd.DataFrame:
    """One metric of each model for customers c0, c1, …, the same at every date."""
    return pd.DataFrame(
        [
            (f"2024-0{date + 1}-01", f"c{customer}", model, seed, value)
            for model, own in values.items()
            for customer, value in enumerate(own)
            for date in range(dates)
        ],
        columns=["as_of", "customer_id", "model", "seed", "ndcg@10/unmasked"],
    )


def test_figures_checked_by_hand():
    rows = pool(pairs({"own": [1.0, 0.5], "good": [0.5, 0.5], "bad": [0.0, 0.5]}), ["good", "bad"])
    assert rows["own"]["metrics"]["ndcg@10/unmasked"]["mean"] == 0.75
    gain = rows["own"][GAIN]["ndcg@10/unmasked"]
    assert gain["baseline"] == "good"
    assert gain["mean"] == pytest.approx(0.5)
    assert (gain["low"], gain["high"]) == (0.0, 1.0)  # a resample may hold either customer alone
    assert gain["difference"]["mean"] == pytest.approx(0.25)
    assert rows["bad"][GAIN]["ndcg@10/unmasked"]["mean"] == pytest.approx(-0.5)
    assert not rows["good"][GAIN]


def test_a_customer_asked_four_times_is_not_four_customers():
    values = {"own": list(np.random.default_rng(0).random(40))}
    once, often = (pool(pairs(values, dates), [])["own"]["metrics"]["ndcg@10/unmasked"] for dates in (1, 4))
    assert often["low"] == pytest.approx(once["low"])
    assert often["high"] == pytest.approx(once["high"])


def test_pairs_weigh_the_same_however_many_a_customer_has():
    uneven = pairs({"own": [1.0, 0.0]}, dates=3)
    uneven = uneven[(uneven["customer_id"] == "c0") | (uneven["as_of"] == "2024-01-01")]
    assert pool(uneven, [])["own"]["metrics"]["ndcg@10/unmasked"]["mean"] == 0.75


def test_seeds_are_averaged_within_a_pair_and_their_spread_is_told():
    both = pd.concat([pairs({"own": [0.2, 0.2]}, seed=1), pairs({"own": [0.4, 0.4]}, seed=2)])
    found = pool(both, [])["own"]["metrics"]["ndcg@10/unmasked"]
    assert found["mean"] == pytest.approx(0.3)
    assert found["sd"] == pytest.approx(0.02**0.5)
    assert found["low"] == pytest.approx(0.3)


def test_no_ratio_to_a_baseline_that_finds_nothing():
    gain = pool(pairs({"own": [1.0, 0.5], "rule": [0.0, 0.0]}), ["rule"])["own"][GAIN]["ndcg@10/unmasked"]
    assert gain["mean"] is gain["low"] is gain["high"] is None
    assert gain["difference"]["mean"] == 0.75
    assert gain["p_value"] < 0.01


def test_models_must_be_judged_on_the_same_pairs():
    odd = pairs({"own": [1.0, 0.5], "rule": [0.0, 0.0]})
    with pytest.raises(ValueError, match="rule judged on other customers"):
        pool(odd.iloc[:-1], ["rule"])
