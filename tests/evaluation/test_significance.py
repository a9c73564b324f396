import numpy as np
import pandas as pd
import pytest

from rec_assets.evaluation.significance import bootstrap_means, interval, p_value, significance


def table(own: np.ndarray, other: np.ndarray) -> pd.DataFrame:
    customers = [f"C{i}" for i in range(len(own))]
    return pd.concat(
        pd.DataFrame({"customer_id": customers, "model": model, "masked": False, "ndcg@10": values})
        for model, values in (("couturier", own), ("popular", other))
    )


def test_a_constant_lead_is_certain_because_it_is_paired() -> None:
    noisy = np.random.default_rng(1).random(200)
    result = significance(table(noisy + 0.01, noisy), ("ndcg@10",), 400, 0.95, seed=2).set_index("model")
    lead = result.loc["popular"]
    assert lead["difference"] == pytest.approx(0.01)
    assert lead["difference_low"] == pytest.approx(0.01)
    assert lead["p_value"] == pytest.approx(2 / 401)
    # Unpaired, the two intervals overlap almost wholly.
    assert result.loc["couturier", "low"] < result.loc["popular", "high"]


def test_equal_models_are_told_apart_by_chance_only() -> None:
    random = np.random.default_rng(4)
    values = [
        p_value(np.subtract(*bootstrap_means(random.random((60, 2)), 200, seed).T)) for seed in range(100)
    ]
    assert 0.01 <= np.mean(np.array(values) < 0.1) <= 0.2


def test_the_interval_is_the_textbook_one_for_a_large_sample() -> None:
    values = np.random.default_rng(5).random((5000, 1))
    low, high = interval(bootstrap_means(values, 2000, seed=1), 0.95)
    error = 1.96 * values.std() / np.sqrt(len(values))
    assert low[0] == pytest.approx(values.mean() - error, abs=0.0006)
    assert high[0] == pytest.approx(values.mean() + error, abs=0.0006)


def test_the_recommender_has_no_difference_to_itself() -> None:
    noisy = np.random.default_rng(1).random(50)
    result = significance(table(noisy, noisy[::-1]), ("ndcg@10",), 100, 0.9, seed=2).set_index("model")
    assert result.loc["couturier", ["difference", "p_value"]].isna().all()
    again = significance(table(noisy, noisy[::-1]), ("ndcg@10",), 100, 0.9, seed=2).set_index("model")
    pd.testing.assert_frame_equal(result, again)
