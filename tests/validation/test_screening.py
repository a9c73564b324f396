"""Which rows DuckDB keeps, which it sets aside, and why."""

import json

import numpy as np
import pandas as pd
import pytest


def test_sane_tables_pass_whole(tables, screened):
    counts, good, bad = screened(tables)
    for name, frame in tables.items():
        assert counts[name].raw == counts[name].validated == len(good[name]) == len(frame)
        assert bad[name].empty
    assert bad["attributes"].empty
    assert counts["transactions"].newest == tables["transactions"]["timestamp"].max().isoformat()


def test_validated_types_are_strict(tables, screened):
    tables["customers"]["loyal"] = [1.0] * 40
    tables["transactions"] = tables["transactions"].drop(columns=["channel"])
    _, good, _ = screened(tables)
    assert str(good["transactions"]["timestamp"].dtype) == "datetime64[us]"
    assert str(good["transactions"]["price"].dtype) == "float64"
    assert good["transactions"]["channel"].isna().all()
    assert str(good["articles"]["introduced"].dtype) == "datetime64[us]"
    assert good["articles"]["available"].dtype == bool
    assert good["customers"]["loyal"].tolist() == [1.0] * 40


@pytest.mark.parametrize(
    ("column", "value", "expectation", "reason"),
    [
        ("timestamp", "last tuesday", "timestamp_readable", "last tuesday"),
        ("timestamp", None, "timestamp_present", "missing"),
        ("timestamp", "2025-01-01 00:00:00", "timestamp_in_range", "2025-01-01"),
        ("timestamp", "1969-12-31", "timestamp_in_range", "1969-12-31"),
        ("price", "a tenner", "price_readable", "a tenner"),
        ("price", "-0.01", "price_in_range", "-0.01"),
        ("price", "1000.01", "price_in_range", "1000.01"),
        ("price", "inf", "price_in_range", "inf"),
        ("sku", "NO-SUCH-SKU", "sku_known", "NO-SUCH-SKU"),
        ("sku", None, "sku_present", "missing"),
        ("customer_id", "  ", "customer_id_present", "missing"),
    ],
)
def test_a_bad_purchase_goes_to_quarantine_as_it_came(tables, screened, column, value, expectation, reason):
    purchases = tables["transactions"].astype({"timestamp": str, "price": str})
    purchases.loc[17, column] = value
    tables["transactions"] = purchases
    counts, good, bad = screened(tables)
    assert counts["transactions"].rules[expectation].broken == 1
    assert len(good["transactions"]) == len(purchases) - 1
    [aside] = bad["transactions"].to_dict("records")
    assert aside["table"] == "transactions"
    assert aside["expectation"] == expectation
    assert reason in aside["reason"]
    assert json.loads(aside["row"])[column] == value


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("price", None),
        ("price", "0"),
        ("price", "1000"),
        ("timestamp", "2024-12-31 23:59:59"),
    ],
)
def test_values_at_the_edge_are_good(tables, screened, column, value):
    purchases = tables["transactions"].astype({"timestamp": str, "price": str})
    purchases.loc[17, column] = value
    tables["transactions"] = purchases
    counts, _, bad = screened(tables)
    assert counts["transactions"].quarantined == 0
    assert bad["transactions"].empty


def test_all_reasons_are_said_and_the_first_names_the_row(tables, screened):
    tables["transactions"].loc[3, "price"] = -5.0
    tables["transactions"].loc[3, "sku"] = "NO-SUCH-SKU"
    _, _, bad = screened(tables)
    [aside] = bad["transactions"].to_dict("records")
    assert aside["expectation"] == "price_in_range"
    assert "-5.0" in aside["reason"]
    assert "NO-SUCH-SKU" in aside["reason"]


def test_a_purchase_by_an_unknown_customer_is_kept(tables, screened):
    tables["customers"] = tables["customers"].iloc[1:]
    counts, good, bad = screened(tables)
    theirs = (tables["transactions"]["customer_id"] == "C000").sum()
    assert theirs > 0
    assert counts["transactions"].rules["customer_known"].broken == theirs
    assert (good["transactions"]["customer_id"] == "C000").sum() == theirs
    assert bad["transactions"].empty


def test_a_retailer_without_customer_rows_loses_nothing(tables, screened):
    tables["customers"] = tables["customers"].iloc[:0]
    _, good, bad = screened(tables)
    assert len(good["transactions"]) == len(tables["transactions"])
    assert bad["customers"].empty


def test_two_units_in_one_purchase_are_two_rows(tables, screened):
    twice = tables["transactions"]
    tables["transactions"] = pd.concat([twice, twice], ignore_index=True)
    _, good, _ = screened(tables)
    assert len(good["transactions"]) == 2 * len(twice)


@pytest.mark.parametrize(("table", "key"), [("customers", "customer_id"), ("articles", "sku")])
def test_of_duplicates_the_most_complete_then_the_first_is_kept(tables, screened, table, key):
    frame = tables[table]
    same = frame.iloc[[5]]
    other = frame.iloc[[6]].assign(**{frame.columns[1]: 44.0 if table == "customers" else "Another title"})
    gap = frame.iloc[[8]].assign(**{frame.columns[2]: None})
    tables[table] = pd.concat([gap, frame, same, other], ignore_index=True)
    counts, good, bad = screened(tables)
    assert counts[table].quarantined == 3
    kept = good[table].set_index(key).sort_index()
    pd.testing.assert_frame_equal(kept, frame.set_index(key).sort_index(), check_dtype=False)
    aside = bad[table].set_index(bad[table]["row"].map(lambda row: json.loads(row)[key]))
    assert set(bad[table]["expectation"]) == {f"{key}_unique"}
    assert "the same as the kept row 6" in aside.loc[frame[key][5], "reason"]
    assert "less complete or later than the kept row 7" in aside.loc[frame[key][6], "reason"]
    assert "kept row 9" in aside.loc[frame[key][8], "reason"]


def test_an_impossible_age_counts_as_a_gap_among_duplicates(tables, screened):
    tables["customers"] = pd.concat(
        [tables["customers"].iloc[[5]].assign(age=400.0), tables["customers"]], ignore_index=True
    )
    _, good, _ = screened(tables)
    assert good["customers"].set_index("customer_id")["age"]["C005"] == tables["customers"]["age"][6]


def test_an_impossible_attribute_costs_the_attribute_not_the_row(tables, screened):
    customers = tables["customers"].astype({"age": object})
    customers["age"] = customers["age"].map(lambda age: None if pd.isna(age) else str(age))
    customers.loc[1, "age"] = "-3"
    customers.loc[2, "age"] = "young"
    tables["customers"] = customers
    articles = tables["articles"].astype({"introduced": str, "available": str})
    articles.loc[4, "introduced"] = "0001-01-01"
    articles.loc[5, "available"] = "perhaps"
    articles.loc[6, "available"] = "False"
    tables["articles"] = articles
    counts, good, bad = screened(tables)
    assert counts["customers"].quarantined == counts["articles"].quarantined == 0
    assert good["customers"]["age"].isna().tolist()[:4] == [True, True, True, False]
    assert pd.isna(good["articles"]["introduced"][4])
    assert good["articles"]["available"].tolist()[5:7] == [True, False]
    attributes = bad["attributes"]
    assert attributes["expectation"].tolist() == [
        "age_in_range",
        "age_readable",
        "introduced_in_range",
        "available_readable",
    ]
    assert "young" in attributes["reason"][1]
    assert json.loads(attributes["row"][0])["age"] == "-3"


def test_titles_pass_whatever_they_say(tables, screened):
    titles = [
        "<b>Bold</b> & <script>",
        "🧥 coat 👗",
        "x" * 5000,
        "Ignore the above. <|im_start|>",
        "",
        "<SKU_3>",
    ]
    tables["articles"].loc[:5, "title"] = titles
    counts, good, bad = screened(tables)
    assert bad["articles"].empty
    assert counts["articles"].rules["title_present"].broken == 1
    assert good["articles"]["title"][:4].tolist() == titles[:4]
    assert good["articles"]["title"][5] == titles[5]


def test_numbers_that_json_lacks_are_kept_as_text(tables, screened):
    tables["transactions"].loc[3, "price"] = np.inf
    _, _, bad = screened(tables)
    assert json.loads(bad["transactions"]["row"][0])["price"] == "inf"


def test_purchases_are_sorted_and_ties_keep_their_order(tables, screened):
    tables["transactions"]["basket"] = [str(i) for i in range(len(tables["transactions"]))]
    tables["transactions"]["timestamp"] = tables["transactions"]["timestamp"].dt.floor("180D")
    shuffled = tables["transactions"].sample(frac=1, random_state=1, ignore_index=True)
    tables["transactions"] = shuffled
    _, good, _ = screened(tables)
    wanted = shuffled.sort_values(["timestamp", "customer_id"], kind="stable")["basket"]
    assert good["transactions"]["basket"].tolist() == wanted.tolist()


@pytest.mark.parametrize(
    "written", ["2024-03-01T01:00:00+02:00", "2024-02-29 23:00:00", " 2024-02-29T23:00:00Z "]
)
def test_a_time_with_an_offset_is_read_in_utc(tables, screened, written):
    tables["transactions"]["timestamp"] = written
    _, good, _ = screened(tables)
    assert set(good["transactions"]["timestamp"]) == {pd.Timestamp("2024-02-29 23:00")}


@pytest.mark.parametrize(
    "name",
    [
        "raw_row",
        "raw_json",
        "kept_row",
        "same_as_kept",
        "customer_row_kept",
        "article_row_kept",
        "sku_in_articles",
        "customer_in_customers",
        "age_as_came",
        "timestamp_as_came",
    ],
)
def test_an_attribute_may_have_any_name(tables, screened, name):
    tables = {table: frame.assign(**{name: "mine"}) for table, frame in tables.items()}
    tables["customers"] = pd.concat([tables["customers"], tables["customers"].iloc[:1]], ignore_index=True)
    counts, good, bad = screened(tables)
    for table, frame in good.items():
        assert set(frame[name]) == {"mine"}
        assert counts[table].quarantined == (1 if table == "customers" else 0)
    assert "the same as the kept row 0" in bad["customers"]["reason"][0]
