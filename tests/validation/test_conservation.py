"""No row is lost and none is invented, whatever the raw table holds."""

import tempfile
from pathlib import Path

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from rec_assets.files import write_table
from rec_assets.validation.screening import screen
from rec_assets.validation.staging import engine, stage_tables

LIMITS = {"max_price": 100.0, "tomorrow": "2025-01-01T00:00:00"}

prices = st.one_of(st.none(), st.floats(), st.floats(-10, 110), st.integers(-5, 120))
stamps = st.one_of(st.none(), st.datetimes(pd.Timestamp("1900-01-01"), pd.Timestamp("2100-01-01")))
purchases = st.lists(
    st.tuples(
        st.sampled_from(["C1", "C2", "C9", "", None]),
        st.sampled_from(["S1", "S2", "S9", " ", None]),
        stamps | st.sampled_from(["soon", "2024-13-01", "2024-02-29"]),
        prices | st.sampled_from(["12", "dear", "1e3", ""]),
    ),
    max_size=30,
)
customers = st.lists(
    st.tuples(st.sampled_from(["C1", "C2", "C3", None]), st.one_of(st.none(), st.floats(-50, 200))),
    max_size=12,
)


def is_good(row: tuple) -> bool:
    """Say what a good purchase is, in Python and without the rules."""
    customer, sku, stamp, price = row
    when = pd.to_datetime("x" if stamp is None else str(stamp), errors="coerce", format="ISO8601")
    cost = pd.to_numeric(price if price not in (None, "") else 0.0, errors="coerce")
    if price == "" or price is None or (isinstance(price, float) and price != price):
        cost = 0.0
    return (
        customer in ("C1", "C2", "C9")
        and sku in ("S1", "S2")
        and not pd.isna(when)
        and pd.Timestamp("1970-01-01") <= when < pd.Timestamp("2025-01-01")
        and not pd.isna(cost)
        and 0 <= cost <= 100
    )


@settings(max_examples=40)
@given(purchases=purchases, people=customers, as_text=st.booleans())
def test_raw_is_validated_plus_quarantined_and_every_good_row_is_kept(purchases, people, as_text):
    frame = pd.DataFrame(purchases, columns=["customer_id", "sku", "timestamp", "price"], dtype=object)
    as_text = as_text or any(isinstance(row[2], str) or isinstance(row[3], str) for row in purchases)
    for column, kind in (("timestamp", "datetime64[us]"), ("price", "float64")):
        if as_text:
            frame[column] = frame[column].map(lambda value: None if value is None else str(value))
        else:
            frame[column] = frame[column].astype(kind)
    frame["place"] = [str(i) for i in range(len(frame))]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_table(frame, root / "transactions.parquet")
        write_table(pd.DataFrame(people, columns=["customer_id", "age"]), root / "customers.parquet")
        write_table(pd.DataFrame({"sku": ["S1", "S2"], "title": ["a", None]}), root / "articles.parquet")
        good, bad = root / "good", root / "bad"
        good.mkdir()
        bad.mkdir()
        with engine(root) as connection:
            names = stage_tables(connection, root, LIMITS)
            counts = {name: screen(connection, name, names[name], LIMITS, good, bad) for name in names}
        kept = pd.read_parquet(good / "transactions.parquet")
        aside = pd.read_parquet(bad / "transactions.parquet")
        assert counts["transactions"].raw == len(frame) == len(kept) + len(aside)
        assert set(kept["place"]) == {str(i) for i, row in enumerate(purchases) if is_good(row)}
        assert aside["expectation"].notna().all()
        assert (aside["reason"] != "").all()
        remaining = pd.read_parquet(good / "customers.parquet")
        assert set(remaining["customer_id"]) == {name for name, _ in people if name}
        assert remaining["customer_id"].is_unique
        assert len(people) == len(remaining) + len(pd.read_parquet(bad / "customers.parquet"))
