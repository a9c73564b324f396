import numpy as np
import pandas as pd
import pytest
import torch

from rec_assets.recommender.bought import bought_last
from rec_assets.recommender.repeats import RepeatRates, repeat_rates

A_PRIOR = 100


def counted(*purchases: tuple[str, int, str]) -> np.ndarray:
    table = pd.DataFrame(purchases, columns=["customer", "day", "sku"])
    return repeat_rates(table["customer"], table["day"], table["sku"])


def test_rates_are_shares_of_baskets_by_how_many_skus_ago() -> None:
    # Baskets that follow a purchase: {a, c} after a, b reversed; {b} after c, a, b; {z, a} after z.
    rates = counted(
        ("x", 1, "a"),
        ("x", 1, "b"),
        ("x", 2, "a"),
        ("x", 2, "c"),
        ("x", 3, "b"),
        ("y", 1, "z"),
        ("y", 2, "z"),
    )
    again = np.zeros(100)
    again[1] += 1 / 2  # a, behind b
    again[2] += 1  # b, behind c and a
    again[0] += 1  # z
    at_risk = np.zeros(100)
    at_risk[0] = 3
    at_risk[1] = 2
    at_risk[2] = 1
    mean = again.sum() / at_risk.sum()
    np.testing.assert_allclose(rates, (again + A_PRIOR * mean) / (at_risk + A_PRIOR))


def test_units_bought_together_are_no_repeat() -> None:
    once = counted(("x", 1, "a"), ("x", 2, "b"), ("x", 3, "c"))
    twice = counted(("x", 1, "a"), ("x", 2, "b"), ("x", 2, "b"), ("x", 3, "c"), ("x", 3, "c"))
    np.testing.assert_array_equal(once, twice)
    assert (once < 1e-5).all()


def test_customers_do_not_buy_each_others_skus_again() -> None:
    assert (counted(("x", 1, "a"), ("y", 1, "a"), ("y", 2, "b")) < 1e-5).all()


def test_nobody_came_twice() -> None:
    rates = counted(("x", 1, "a"), ("y", 1, "b"))
    assert np.isfinite(rates).all()
    assert (rates > 0).all()
    assert np.isfinite(counted()).all()


def test_counting_agrees_with_going_through_the_baskets(tmp_path) -> None:
    random = np.random.default_rng(3)
    table = pd.DataFrame(
        {
            "customer": np.sort(random.integers(0, 12, 400)),
            "day": random.integers(0, 40, 400),
            "sku": random.integers(0, 25, 400),
        }
    ).sort_values(["customer", "day"], kind="stable")
    again, at_risk = np.zeros(100), np.zeros(100)
    for _, own in table.groupby("customer"):
        last: list[int] = []  # newest first
        for _, day in own.groupby("day"):
            basket = list(dict.fromkeys(day["sku"].tolist()))
            at_risk[: len(last)] += bool(last)
            for sku in basket:
                if sku in last:
                    again[last.index(sku)] += 1 / len(basket)
            last = basket[::-1] + [sku for sku in last if sku not in basket]
    mean = again.sum() / at_risk.sum()
    np.testing.assert_allclose(
        repeat_rates(table["customer"], table["day"], table["sku"]),
        (again + A_PRIOR * mean) / (at_risk + A_PRIOR),
    )


def test_a_row_tells_its_skus_last_first() -> None:
    assert bought_last(np.array([1, 15, 12, 3, 15, 11]), 10).tolist() == [1, 5, 2]
    assert bought_last(np.array([1, 2]), 10).tolist() == []


@pytest.mark.parametrize("scored", [True, False])
def test_mixed_scores_are_the_mixture_of_both_probabilities(scored: bool) -> None:
    scores = torch.randn(2, 6, generator=torch.Generator().manual_seed(1))
    own = scores.softmax(dim=1)
    mixed = scores.clone()
    RepeatRates((0.3, 0.1), scored).mix(mixed, [np.array([4, 2, 5]), np.array([], dtype=np.int64)])
    torch.testing.assert_close(mixed[1], scores[1])
    known = [0, 1, 3, 5]
    torch.testing.assert_close(mixed[0, known], scores[0, known])  # 5 was bought longer ago than is counted
    new = own[0, known].sum()
    expected = torch.tensor([0.3, 0.1]) / 0.6 * new
    if scored:
        expected = expected + own[0, [4, 2]]
    torch.testing.assert_close(
        mixed[0, [4, 2]].exp() / mixed[0, known].exp().sum(), expected / new, rtol=1e-5, atol=1e-6
    )


def test_without_rates_scores_stay() -> None:
    scores = torch.randn(1, 4)
    mixed = scores.clone()
    RepeatRates().mix(mixed, [np.array([1])])
    assert torch.equal(mixed, scores)


def test_who_has_bought_everything_still_gets_a_list() -> None:
    scores = torch.zeros(1, 2)
    RepeatRates((0.4, 0.2), scored=False).mix(scores, [np.array([1, 0])])
    assert scores.isfinite().all()
    assert scores[0, 1] > scores[0, 0]


def test_rates_survive_json() -> None:
    rates = RepeatRates((0.25, 0.125), scored=False)
    assert RepeatRates.from_json(rates.to_json()) == rates
