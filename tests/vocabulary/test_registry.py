import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rec_assets.errors import RegistryError
from rec_assets.vocabulary.registry import extend_registry, token_of


def catalogue(skus: list[str], available: list[bool] | None = None) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "sku": skus,
            "introduced": pd.to_datetime(["2024-01-01"] * len(skus)),
            "first_seen": pd.NaT,
            "available": available or [True] * len(skus),
            "train_purchases": range(len(skus)),
        }
    )


def test_new_articles_follow_old_ones_and_retired_ones_stay() -> None:
    march = extend_registry(None, catalogue(["b", "a"]))
    june = extend_registry(march, catalogue(["a", "0new"]))
    assert march["sku"].tolist() == ["a", "b"]
    assert june["sku"].tolist() == ["a", "b", "0new"]
    assert june["retired"].tolist() == [False, True, False]
    assert june["listed"].tolist() == [True, False, True]
    assert june["sku_index"].tolist() == [0, 1, 2]
    assert june["train_purchases"].tolist() == [0, 0, 1]


def test_order_is_by_day_of_introduction_then_first_purchase_then_sku() -> None:
    articles = catalogue(["c", "b", "a", "d"])
    articles["introduced"] = pd.to_datetime([None, "2024-03-01", "2024-03-01", "2024-02-01"])
    articles["first_seen"] = pd.to_datetime(["2024-01-15", None, None, None])
    assert extend_registry(None, articles)["sku"].tolist() == ["c", "d", "a", "b"]


def test_out_of_stock_is_retired() -> None:
    registry = extend_registry(None, catalogue(["a", "b"], [True, False]))
    assert registry["retired"].tolist() == [False, True]
    assert registry["listed"].all()


def test_a_damaged_parent_is_refused() -> None:
    parent = extend_registry(None, catalogue(["a", "b"])).drop(index=0)
    with pytest.raises(RegistryError, match=r"lineage\.parent"):
        extend_registry(parent, catalogue(["a"]))


@given(st.lists(st.sets(st.text("abcdef", min_size=1, max_size=3), min_size=1), min_size=1, max_size=5))
def test_a_token_is_kept_for_ever(seasons: list[set[str]]) -> None:
    registry, given_out = None, {}
    for season in seasons:
        registry = extend_registry(registry, catalogue(sorted(season)))
        now = dict(zip(registry["sku"], registry["sku_index"], strict=True))
        assert all(now[sku] == index for sku, index in given_out.items())
        assert season <= set(registry.loc[~registry["retired"], "sku"])
        given_out = now
    assert registry is not None
    assert registry["token"].tolist() == [token_of(sku) for sku in registry["sku"]]
