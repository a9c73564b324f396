from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file

from rec_assets.errors import RegistryError
from rec_assets.recommender.demand import Demand, fit_weights, group_of, popular_of

NOTHING = np.empty(0, np.int64)


def demand(*weights: tuple[float, ...]) -> Demand:
    """Four SKUs: 0 and 1 sold, 0 most lately, 1 most at all times; 2 and 3 never, 3 came last."""
    popular = torch.tensor([[0.9, 0.1, 0, 0], [0.7, 0.3, 0, 0], [0.5, 0.5, 0, 0], [0.2, 0.8, 0, 0]])
    arrivals = torch.tensor([0, 0, 0.2, 0.8])
    table = torch.tensor([*weights, *[weights[-1]] * (6 - len(weights))])
    return Demand(popular, table, arrivals, torch.arange(4))


def test_probabilities_by_hand() -> None:
    mixture = demand((0.1, 0.2, 0.4, 0, 0, 0.3), (1, 0, 0, 0, 0, 0))
    scores = torch.tensor([[1.0, 3.0, 2.0, 2.0], [1.0, 3.0, 2.0, 2.0]]).log()
    mixture.mix(scores, [NOTHING, np.array([3])])
    unknown, known = scores.exp()
    torch.testing.assert_close(
        unknown,
        torch.tensor(
            [
                0.1 / 4 + 0.4 * 0.9 + 0.3 * 0.2,
                0.1 * 3 / 4 + 0.4 * 0.1 + 0.3 * 0.8,
                0.2 / 3,  # the softmax says 2 to 2, the roots of arrivals 1 to 2
                0.2 * 2 / 3,
            ]
        ),
    )
    torch.testing.assert_close(known, torch.tensor([0.25, 0.75, 0.0, 0.0]))


def test_what_was_bought_takes_no_share() -> None:
    mixture = demand((0.5, 0.09, 0.41, 0, 0, 0))
    scores = torch.tensor([[100.0, 3.0, 2.0, 2.0]]).log()
    mixture.mix(scores, [np.array([0])])
    torch.testing.assert_close(scores[0, 1:].exp(), torch.tensor([0.5 + 0.041, 0.03, 0.06]))
    torch.testing.assert_close(scores[0, 0].exp(), torch.tensor(0.5 * 100 / 3 + 0.41 * 0.9))


def test_probabilities_stay_finite_however_large_the_logits() -> None:
    scores = torch.tensor([[900.0, -900.0, -900.0, -900.0], [-900.0, 3.0, 1.0, 1.0]])
    demand((0.5, 0.5, 0, 0, 0, 0)).mix(scores, [NOTHING, NOTHING])
    assert torch.isfinite(scores).all()
    torch.testing.assert_close(scores[0, 0].exp(), torch.tensor(0.5))
    torch.testing.assert_close(scores[1].exp(), torch.tensor([0.0, 0.5, 0.5 / 3, 1 / 3]))


def test_the_share_of_skus_never_sold_is_kept_however_little_the_softmax_gives_them() -> None:
    """A thousand SKUs sold, three never, to which the softmax gives a hundred-millionth."""
    popular = torch.zeros(4, 1003)
    popular[:, :1000] = 1 / 1000
    arrivals = torch.tensor([0.0] * 1000 + [1 / 3] * 3)
    mixture = Demand(popular, torch.tensor([[0.8, 0.1, 0.1, 0, 0, 0]] * 6), arrivals)
    scores = torch.randn(1, 1003, generator=torch.Generator().manual_seed(1)) * 3
    scores[:, 1000:] -= 25
    wanted = np.array([1001])
    told = mixture.told(scores, [NOTHING], [wanted])
    mixture.mix(scores, [NOTHING])
    chances = scores.exp()
    torch.testing.assert_close(chances[0, 1000:].sum(), torch.tensor(0.1))
    torch.testing.assert_close(chances.sum(), torch.tensor(1.0))
    torch.testing.assert_close(told[0] @ mixture.weights[0], chances[0, 1001])


def test_no_weights_leave_scores_alone() -> None:
    scores = torch.randn(3, 4)
    before = scores.clone()
    Demand().mix(scores, [NOTHING] * 3)
    assert torch.equal(scores, before)


def test_what_is_told_of_a_purchase_is_what_is_mixed() -> None:
    mixture = demand((0.25, 0.15, 0.1, 0.2, 0.1, 0.2))
    scores = torch.randn(2, 4, generator=torch.Generator().manual_seed(3))
    bought = [NOTHING, NOTHING]
    told = mixture.told(scores, bought, [np.array([1, 2]), np.array([0])])
    mixture.mix(scores, bought)
    expected = torch.stack([scores[0, 1], scores[0, 2], scores[1, 0]]).exp()
    torch.testing.assert_close(told @ mixture.weights[0], expected)


def test_skus_bought_before_are_no_candidates() -> None:
    told = demand((1, 0, 0, 0, 0, 0)).told(torch.zeros(1, 4), [np.array([0])], [np.array([1])])
    assert told[0, 0] == 1  # the only SKU left of those sold


def test_shares_fade_with_time() -> None:
    days = pd.to_datetime(["2020-01-01", "2020-01-31", "2020-01-31"])
    events = pd.DataFrame({"sku": ["old", "new", "old"], "timestamp": days})
    popular = popular_of(events, pd.Series(["new", "old", "unsold"]))
    faded = 0.5 ** (30 / 7)
    torch.testing.assert_close(popular[0], torch.tensor([1, 1 + faded, 0]) / (2 + faded))
    torch.testing.assert_close(popular[-1], torch.tensor([1, 2, 0]) / 3)


def test_weights_are_found_again() -> None:
    random = np.random.default_rng(1)
    truth = np.array([[0.6, 0.1, 0.3], [0.1, 0.2, 0.7]])
    beliefs = random.dirichlet(np.full(50, 0.1), size=3)  # of three experts about 50 SKUs
    groups = np.repeat([0, 1], 20_000)
    bought = np.concatenate([random.choice(50, 20_000, p=row @ beliefs) for row in truth])
    weights = fit_weights(beliefs[:, bought].T, groups, np.ones(len(groups)))
    np.testing.assert_allclose(weights[:2], truth, atol=0.03)
    np.testing.assert_allclose(weights.sum(1), 1, rtol=1e-6)


def test_groups_without_purchases_are_like_all() -> None:
    told = np.array([[0.9, 0.0, 0.1], [0.8, 0.0, 0.2]])
    weights = fit_weights(told, np.array([0, 0]), np.ones(2))
    assert weights[3, 0] > weights[3, 2]
    assert fit_weights(np.empty((0, 3)), np.empty(0, np.int64), np.empty(0)) == pytest.approx(1 / 3)


def test_a_file_fits_a_longer_registry(tmp_path: Path) -> None:
    mixture = demand((0.1, 0.2, 0.4, 0, 0, 0.3))
    mixture.save(tmp_path / "demand.safetensors")
    again = Demand.load(tmp_path / "demand.safetensors", skus=6)
    torch.testing.assert_close(again.popular, torch.nn.functional.pad(mixture.popular, (0, 2)))
    assert torch.equal(again.weights, mixture.weights)
    torch.testing.assert_close(again.arrivals, torch.tensor([0, 0, 0.2, 0.8, 0.8, 0.8]))
    assert again.came.tolist() == [0, 1, 2, 3, 4, 5]


def test_a_file_of_another_release_is_named(tmp_path: Path) -> None:
    file = tmp_path / "demand.safetensors"
    demand((0.1, 0.2, 0.4, 0, 0, 0.3)).save(file)
    kept = load_file(file)
    save_file({name: values for name, values in kept.items() if name != "came"}, file)
    with pytest.raises(RegistryError, match=r"demand\.safetensors holds no 'came'.*Train again"):
        Demand.load(file, skus=4)
    save_file(kept | {"weights": torch.zeros(6, 7)}, file)
    with pytest.raises(RegistryError, match="weights of 7 experts where 6 are known"):
        Demand.load(file, skus=4)


def test_a_shorter_registry_is_named(tmp_path: Path) -> None:
    demand((0.1, 0.2, 0.4, 0, 0, 0.3)).save(tmp_path / "demand.safetensors")
    with pytest.raises(RegistryError, match="tells of 4 SKUs, the registry holds 3"):
        Demand.load(tmp_path / "demand.safetensors", skus=3)


def test_groups_grow_with_the_past() -> None:
    assert group_of([0, 1, 2, 3, 4, 7, 8, 15, 16, 500]).tolist() == [0, 1, 2, 2, 3, 3, 4, 4, 5, 5]


def test_weights_are_named() -> None:
    table = demand((0.1, 0.2, 0.4, 0, 0, 0.3)).table()
    assert table["SKUs bought"].tolist() == ["0", "1", "2 to 3", "4 to 7", "8 to 15", "16+"]
    assert table["popular, at all times"].tolist() == pytest.approx([0.3] * 6)
    assert Demand().table().empty


def test_what_is_sold_since_is_no_arrival() -> None:
    days = pd.to_datetime(["2020-01-01", "2020-01-02", "2020-01-03"])
    events = pd.DataFrame({"sku": ["a", "b", "c"], "timestamp": days})
    renewed = demand((0.25, 0.15, 0.1, 0.2, 0.1, 0.2)).renewed(events, pd.Series(list("abcd")))
    assert renewed.arrivals.tolist() == [0, 0, 0, 1]
    assert (renewed.popular[:, 2] > 0).all()
