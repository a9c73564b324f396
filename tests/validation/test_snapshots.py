"""What a snapshot is compared with, and what is said about it."""

from dataclasses import replace
from datetime import date

import pytest

from rec_assets.params import Source, Validation
from rec_assets.validation.screening import Screening
from rec_assets.validation.snapshots import Snapshot, SnapshotHistory, complaints, describe

ROWS = {"transactions": 1000, "customers": 100, "articles": 50}
FIRST = Snapshot("a", "shop", "2024-01", ROWS, "2024-01-31T00:00:00")


def test_running_a_snapshot_again_compares_it_with_the_same_one(tmp_path):
    history = SnapshotHistory(tmp_path / "snapshots.json")
    second = replace(FIRST, content="b", name="2024-02")
    third = replace(FIRST, content="c", name="2024-03")
    for snapshot in (FIRST, second, third):
        history.record(snapshot, accepted=True)
    again = SnapshotHistory(tmp_path / "snapshots.json")
    assert again.predecessor(FIRST) is None
    assert again.predecessor(second).content == "a"
    assert again.predecessor(third).content == "b"


def test_an_older_snapshot_is_compared_with_the_one_before_it(tmp_path):
    history = SnapshotHistory(tmp_path / "snapshots.json")
    for content, name in (("a", "2024-01"), ("d", "2024-04"), ("c", "2024-03")):
        history.record(replace(FIRST, content=content, name=name), accepted=True)
    assert history.predecessor(replace(FIRST, content="b", name="2024-02")).content == "a"
    assert history.predecessor(replace(FIRST, content="e", name="2024-05")).content == "d"


def test_another_retailer_and_a_rejected_snapshot_are_no_measure(tmp_path):
    history = SnapshotHistory(tmp_path / "snapshots.json")
    history.record(replace(FIRST, content="x", retailer="other"), accepted=True)
    history.record(replace(FIRST, content="y"), accepted=False)
    assert history.predecessor(replace(FIRST, content="b", name="2024-02")) is None


def test_unnamed_snapshots_follow_each_other(tmp_path):
    history = SnapshotHistory(tmp_path / "snapshots.json")
    for content in "ab":
        history.record(replace(FIRST, content=content, name=None), accepted=True)
    assert history.predecessor(replace(FIRST, content="c", name=None)).content == "b"


@pytest.mark.parametrize(("rows", "said"), [(499, 1), (500, 0), (3000, 0), (3001, 1)])
def test_volume_is_bounded_on_both_sides(rows, said):
    now = replace(FIRST, content="b", rows={**ROWS, "transactions": rows})
    found, ratios = complaints(now, FIRST, Validation(), date(2024, 2, 1))
    assert len(found) == said
    assert ratios["transactions"] == rows / 1000
    assert ratios["articles"] == 1


@pytest.mark.parametrize(("limit", "said"), [(None, 0), (30, 0), (29, 1)])
def test_age_of_the_newest_purchase(limit, said):
    found, _ = complaints(FIRST, None, Validation(max_age_days=limit), date(2024, 3, 1))
    assert len(found) == said


def test_order_alone_has_no_freshness(tables, write_raw):
    counts = {name: Screening(len(frame), len(frame), 0, {}, "1970-03-01") for name, frame in tables.items()}
    workspace = write_raw(tables, time="order")
    snapshot = describe(workspace.raw, Source(), counts)
    assert snapshot.newest is None
    assert complaints(snapshot, None, Validation(max_age_days=1), date(2024, 3, 1)) == ([], {})


def test_a_synthetic_retailer_of_another_size_is_another_retailer(tables, write_raw):
    counts = {name: Screening(len(frame), len(frame), 0, {}) for name, frame in tables.items()}
    raw = write_raw(tables).raw
    small = Source.model_validate({"synthetic": {"customers": 300}})
    assert describe(raw, Source(), counts).retailer != describe(raw, small, counts).retailer
    newer = Source.model_validate({"snapshot": "2024-02"})
    assert describe(raw, Source(), counts).retailer == describe(raw, newer, counts).retailer
