"""DuckDB and Great Expectations count the same rows, because both read one list of rules."""

import pandas as pd
import pytest

from rec_assets.validation.judgement import judge
from rec_assets.validation.rules import RULES, SUITES
from rec_assets.validation.screening import screen
from rec_assets.validation.staging import engine, stage_tables

LIMITS = {"max_price": 60.0, "tomorrow": "2024-12-01T00:00:00"}


@pytest.fixture
def messy(tables) -> dict[str, pd.DataFrame]:
    """Tables in which every rule is broken, each by another number of rows."""
    purchases = tables["transactions"].astype({"timestamp": str, "price": str})
    purchases.loc[0:1, "timestamp"] = None
    purchases.loc[2:4, "timestamp"] = "once"
    purchases.loc[5:8, "price"] = "cheap"
    purchases.loc[9:13, "price"] = None
    purchases.loc[14:19, "sku"] = None
    purchases.loc[20:26, "sku"] = "NO-SUCH-SKU"
    purchases.loc[27:34, "customer_id"] = ""
    purchases.loc[35:36, "timestamp"] = "9999-12-31 00:00:00"
    purchases.loc[37, "timestamp"] = "2024-12-01 00:00:00"
    purchases.loc[38, "price"] = "60.0"
    people = pd.concat([tables["customers"].iloc[1:], tables["customers"].iloc[5:9]], ignore_index=True)
    people["age"] = people["age"].map(lambda age: None if pd.isna(age) else str(age))
    people.loc[0:1, "age"] = "unsaid"
    people.loc[2, "age"] = "121"
    people.loc[4, "customer_id"] = None
    articles = pd.concat([tables["articles"], tables["articles"].iloc[2:4]], ignore_index=True)
    articles = articles.astype({"introduced": str, "available": str})
    articles.loc[0, "title"] = " "
    articles.loc[1:2, "introduced"] = "soon"
    articles.loc[3:5, "introduced"] = "0001-01-01"
    articles.loc[6, "available"] = "perhaps"
    articles.loc[7, "sku"] = None
    return {"transactions": purchases, "customers": people, "articles": articles}


@pytest.mark.parametrize("sample_rows", [1_000_000, 100])
def test_every_expectation_counts_what_duckdb_counts(messy, write_raw, tmp_path, sample_rows):
    workspace = write_raw(messy)
    good, bad = tmp_path / "good", tmp_path / "bad"
    good.mkdir()
    bad.mkdir()
    with engine(tmp_path) as connection:
        names = stage_tables(connection, workspace.raw, LIMITS)
        counts = {name: screen(connection, name, names[name], LIMITS, good, bad) for name in names}
        judgement = judge(
            connection, workspace.expectations, counts, LIMITS, share=1.0, sample_rows=sample_rows
        )
    assert {rule.name for rule in RULES} == {name for table in counts.values() for name in table.rules}
    assert set(judgement.success) == set(SUITES)
    for rule in RULES:
        exact = counts[rule.table].rules[rule.name].broken
        seen = judgement.unexpected[rule.suite][rule.name]
        assert exact > 0, f"{rule.name} is not put to the test"
        if judgement.judged[rule.table] == counts[rule.table].raw:
            assert seen == exact, rule.name
        else:
            assert judgement.judged[rule.table] == sample_rows
            assert seen <= exact, rule.name


@pytest.mark.parametrize(("share", "passes"), [(0.1, True), (0.099, False)])
def test_a_suite_fails_exactly_past_the_share_of_rows(tables, write_raw, tmp_path, share, passes):
    """Nine of ten prices are missing: what counts is the share of the rows, not of the prices."""
    purchases = tables["transactions"].iloc[:100].copy()
    purchases["price"] = None
    purchases.loc[:9, "price"] = -1.0
    workspace = write_raw({**tables, "transactions": purchases.astype({"price": float})})
    good, bad = tmp_path / "good", tmp_path / "bad"
    good.mkdir()
    bad.mkdir()
    limits = {**LIMITS, "tomorrow": "2025-01-01T00:00:00"}
    with engine(tmp_path) as connection:
        names = stage_tables(connection, workspace.raw, limits)
        counts = {name: screen(connection, name, names[name], limits, good, bad) for name in names}
        judgement = judge(connection, workspace.expectations, counts, limits, share)
    assert judgement.success["transactions"] is passes
