"""Rendering: every purchase bears loss once, the oldest goes first, targets never show."""

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rec_assets.prompts.render import NO_MONTH, Block, chunks, holdout_rows, latest_rows, train_rows
from rec_assets.prompts.template import Template

TEMPLATE = Template(("H",), {}, "In {month}:", "Then {month}:")
JANUARY = 2024 * 12


def block(*customers: list[tuple[str, int, int]]) -> Block:
    """One customer per argument, each a list of (SKU, month counted from 2024, split)."""
    events = [event for customer in customers for event in customer]
    lengths = [len(customer) for customer in customers]
    return Block(
        customers=pa.array([f"C{i}" for i in range(len(customers))]),
        headers=pa.array([f"H{i}" for i in range(len(customers))]),
        skus=pa.array([sku for sku, _, _ in events], pa.string()),
        months=np.array([JANUARY + month for _, month, _ in events], dtype=np.int64),
        starts=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        splits=np.array([split for _, _, split in events], dtype=np.int64),
    )


@given(st.lists(st.integers(0, 40), max_size=6), st.integers(1, 9))
def test_every_purchase_bears_loss_exactly_once(lengths: list[int], history: int) -> None:
    ends = np.cumsum(np.array(lengths, dtype=np.int64))
    customer, begin, end, loss_from = chunks(ends - lengths, ends, history)

    bears_loss = Counter(i for b, e, f in zip(begin, end, loss_from, strict=True) for i in range(b + f, e))
    assert bears_loss == Counter(range(sum(lengths)))
    assert (end - begin <= history).all()
    assert (loss_from >= 0).all()
    assert (loss_from < end - begin).all()
    assert sorted(set(customer)) == [i for i, length in enumerate(lengths) if length]
    # After a customer's first row, whatever is predicted has at least half a history before it.
    assert (loss_from[1:][np.diff(customer) == 0] >= history // 2).all()


def test_ten_thousand_purchases_make_rows_linear_in_their_number() -> None:
    _, begin, end, loss_from = chunks(np.array([0]), np.array([10_000]), history=30)
    assert len(begin) == 1 + int(np.ceil((10_000 - 30) / 15))
    assert (end - begin - loss_from).sum() == 10_000


def test_train_rows_show_only_training_purchases() -> None:
    rows = train_rows(
        block([("A", 0, 0), ("B", 0, 0), ("C", 1, 0), ("D", 1, 1), ("E", 2, 2)], [("F", 5, 2)]), TEMPLATE, 2
    ).to_pylist()

    assert [(row["history"], row["loss_from"]) for row in rows] == [(["A", "B"], 0), (["B", "C"], 1)]
    assert [row["moments"] for row in rows] == [["In January:", ""], ["In January:", "In February:"]]
    assert {row["header"] for row in rows} == {"H0"}


def test_a_year_later_the_same_month_is_said_again() -> None:
    (row,) = train_rows(block([("A", 0, 0), ("B", 12, 0)]), TEMPLATE, 5).to_pylist()
    assert row["moments"] == ["In January:", "In January:"]


def test_holdout_rows_trim_the_oldest_and_never_show_a_target() -> None:
    some = block(
        [("A", 0, 0), ("B", 0, 0), ("C", 1, 0), ("X", 2, 1), ("Y", 2, 1), ("X", 2, 1), ("Z", 3, 2)],
        [("D", 0, 0)],
        [("E", 3, 2)],
    )

    (validation,) = holdout_rows(some, TEMPLATE, 2, split=1, month=JANUARY + 2).to_pylist()
    assert validation["history"] == ["B", "C"]
    assert validation["targets"] == ["X", "Y"]
    assert validation["closing"] == "Then March:"

    warm, cold = holdout_rows(some, TEMPLATE, 2, split=2, month=JANUARY + 3).to_pylist()
    assert (warm["history"], warm["targets"]) == (["Y", "X"], ["Z"])
    assert (cold["customer_id"], cold["history"], cold["moments"]) == ("C2", [], [])
    assert (cold["header"], cold["closing"], cold["targets"]) == ("H2", "Then April:", ["E"])


def test_one_held_out_purchase_says_its_own_month_as_training_does() -> None:
    some = block(
        [("A", 0, 0), ("B", 0, 1), ("C", 1, 2)],
        [("D", 0, 0), ("E", 1, 1), ("F", 1, 2)],
    )
    validation = holdout_rows(some, TEMPLATE, 5, split=1, month=None).to_pylist()
    test = holdout_rows(some, TEMPLATE, 5, split=2, month=None).to_pylist()
    assert [row["closing"] for row in validation] == ["", "Then February:"]
    assert [row["closing"] for row in test] == ["Then February:", ""]


def test_latest_rows_cover_everyone_also_without_history() -> None:
    rows = latest_rows(block([("A", 0, 0), ("B", 1, 2)], []), TEMPLATE, 5, JANUARY + 1).to_pylist()
    assert [row["history"] for row in rows] == [["A", "B"], []]
    assert [row["closing"] for row in rows] == ["Then February:"] * 2


@pytest.mark.parametrize("month", [None, NO_MONTH])
def test_without_dates_no_moment_is_said(month: int | None) -> None:
    some = block([("A", 0, 0), ("B", 1, 1)])
    undated = Block(some.customers, some.headers, some.skus, np.full(2, NO_MONTH), some.starts, some.splits)
    assert train_rows(undated, TEMPLATE, 5).to_pylist()[0]["moments"] == [""]
    assert holdout_rows(undated, TEMPLATE, 5, 1, month).to_pylist()[0]["closing"] == ""
    assert latest_rows(undated, TEMPLATE, 5, NO_MONTH).to_pylist()[0]["closing"] == ""
