"""The two sensors and what their runs change before they read the source."""

import os
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.test_utils import create_run_for_test

from orchestration import sensors
from orchestration.assets import assets
from orchestration.jobs import ingest
from orchestration.resources import WorkspaceResource
from orchestration.retraining import INGEST, RETRAIN, SHIFT_TAG, SNAPSHOT_TAG, prepare
from orchestration.sensors import new_data, trend_shift
from rec_assets.files import read_table, write_json, write_table
from rec_assets.params import change_params, read_params
from rec_assets.registry.lineage import source_of
from rec_assets.workspace import Workspace


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sensors, "SETTLED_SECONDS", -1.0)


@pytest.fixture
def shop(workspace: Workspace) -> Workspace:
    change_params(workspace.params_file, {"source.kind": "hm"})
    return workspace


def drop(workspace: Workspace, name: str) -> None:
    folder = workspace.root / "data" / "incoming" / name
    folder.mkdir()
    (folder / "transactions_train.csv").write_text("t_dat\n")


def tick(
    sensor: dg.SensorDefinition, workspace: Workspace, instance: dg.DagsterInstance, cursor: str | None
) -> Any:
    resources = {"workspace": WorkspaceResource(root=str(workspace.root))}
    with dg.build_sensor_context(instance=instance, cursor=cursor, resources=resources) as context:
        return sensor(context)


@pytest.mark.usefixtures("settled")
def test_each_new_snapshot_asks_for_one_run(shop: Workspace, instance: dg.DagsterInstance) -> None:
    drop(shop, "2026-02")
    drop(shop, "2026-01")
    first = tick(new_data, shop, instance, None)
    assert [request.tags for request in first.run_requests] == [
        {SNAPSHOT_TAG: "2026-01"},
        {SNAPSHOT_TAG: "2026-02"},
    ]
    assert {request.job_name for request in first.run_requests} == {RETRAIN}
    assert len({request.run_key for request in first.run_requests}) == 2
    assert isinstance(tick(new_data, shop, instance, first.cursor), dg.SkipReason)
    drop(shop, "2026-03")
    second = tick(new_data, shop, instance, first.cursor)
    assert [request.tags[SNAPSHOT_TAG] for request in second.run_requests] == ["2026-03"]


@pytest.mark.usefixtures("settled")
def test_a_snapshot_is_only_read_where_shifts_decide(shop: Workspace, instance: dg.DagsterInstance) -> None:
    drop(shop, "2026-01")
    change_params(shop.params_file, {"schedule.new_snapshot": "ingest"})
    (request,) = tick(new_data, shop, instance, None).run_requests
    assert request.job_name == INGEST
    read = ingest.selection.resolve(assets)
    assert read == {dg.AssetKey("raw_data"), dg.AssetKey("validated_data")}


@pytest.mark.usefixtures("settled")
def test_a_snapshot_read_by_hand_asks_for_none(shop: Workspace, instance: dg.DagsterInstance) -> None:
    drop(shop, "2026-01")
    write_json({"kind": "hm", "path": "data/incoming", "snapshot": "2026-01"}, shop.raw / "source.json")
    assert isinstance(tick(new_data, shop, instance, None), dg.SkipReason)
    write_json({"kind": "hm", "path": "elsewhere", "snapshot": "2026-01"}, shop.raw / "source.json")
    assert len(tick(new_data, shop, instance, None).run_requests) == 1


@pytest.mark.usefixtures("settled")
def test_notes_and_dangling_links_hide_no_snapshot(shop: Workspace, instance: dg.DagsterInstance) -> None:
    drop(shop, "2026-01")
    incoming = shop.root / "data" / "incoming"
    (incoming / "README.txt").write_text("one folder a week")
    (incoming / "2026-01" / "articles.csv").symlink_to(incoming / "nowhere.csv")
    assert len(tick(new_data, shop, instance, None).run_requests) == 1


def test_a_snapshot_still_being_copied_waits(
    shop: Workspace, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(shop, "2026-01")
    # A copy that keeps the original's modification time is no older for it.
    long_ago = time.time() - 86_400
    os.utime(shop.root / "data/incoming/2026-01/transactions_train.csv", (long_ago, long_ago))
    waiting = tick(new_data, shop, instance, None)
    assert "2026-01 is still being written" in waiting.skip_message
    monkeypatch.setattr(sensors, "SETTLED_SECONDS", -1.0)
    assert len(tick(new_data, shop, instance, None).run_requests) == 1


@pytest.mark.usefixtures("settled")
def test_another_source_folder_starts_afresh(
    shop: Workspace, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    drop(shop, "2026-05")
    first = tick(new_data, shop, instance, None)
    (tmp_path / "other" / "2026-01").mkdir(parents=True)
    (tmp_path / "other" / "2026-01" / "articles.csv").write_text("article_id\n")
    change_params(shop.params_file, {"source.path": str(tmp_path / "other")})
    assert len(tick(new_data, shop, instance, first.cursor).run_requests) == 1


@pytest.mark.usefixtures("settled")
def test_the_synthetic_retailer_waits_for_no_files(
    workspace: Workspace, instance: dg.DagsterInstance
) -> None:
    drop(workspace, "2026-01")
    assert "synthetic" in tick(new_data, workspace, instance, None).skip_message


def put_in_service(workspace: Workspace, version: str, windows: dict[str, str]) -> None:
    source = source_of(read_params(workspace.params_file))
    champion = {"version": version, "previous": [], "windows": windows, "source": source}
    write_json(champion, workspace.registry / "champion.json")


@pytest.fixture
def shifted_shop(validated_workspace: Workspace) -> Workspace:
    """A champion trained until October, and a November in which only belts are bought."""
    shop = validated_workspace
    windows = {"validation_start": "2024-10-01", "as_of": "2024-10-15", "test_end": "2024-11-01"}
    put_in_service(shop, "aaa", windows)
    bought = read_table(shop.validated / "transactions.parquet")
    articles = read_table(shop.validated / "articles.parquet")
    belts = sorted(articles.loc[articles["category"] == "Belts", "sku"])
    late = bought["timestamp"] > bought["timestamp"].max() - timedelta(days=28)
    bought.loc[late, "sku"] = [belts[row % len(belts)] for row in range(int(late.sum()))]
    write_table(bought, shop.validated / "transactions.parquet")
    return shop


def test_one_shift_asks_for_one_run(shifted_shop: Workspace, instance: dg.DagsterInstance) -> None:
    asked = tick(trend_shift, shifted_shop, instance, None)
    (request,) = asked.run_requests
    assert "category" in request.tags[SHIFT_TAG].split(",")
    assert "already requested" in tick(trend_shift, shifted_shop, instance, asked.cursor).skip_message


def test_newer_purchases_under_the_same_shift_ask_again(
    shifted_shop: Workspace, instance: dg.DagsterInstance
) -> None:
    asked = tick(trend_shift, shifted_shop, instance, None)
    bought = read_table(shifted_shop.validated / "transactions.parquet")
    write_table(bought.iloc[1:], shifted_shop.validated / "transactions.parquet")
    assert len(tick(trend_shift, shifted_shop, instance, asked.cursor).run_requests) == 1


def test_purchases_that_a_decision_was_taken_on_ask_for_none(
    shifted_shop: Workspace, instance: dg.DagsterInstance
) -> None:
    write_json({"decision": "kept"}, shifted_shop.reports / "promotion.json")
    assert "the last decision" in tick(trend_shift, shifted_shop, instance, None).skip_message


def test_none_is_asked_for_while_a_retraining_runs(
    shifted_shop: Workspace, instance: dg.DagsterInstance
) -> None:
    under_way = create_run_for_test(instance, job_name=RETRAIN, status=dg.DagsterRunStatus.STARTED)
    assert "queued or running" in tick(trend_shift, shifted_shop, instance, None).skip_message
    instance.delete_run(under_way.run_id)
    assert len(tick(trend_shift, shifted_shop, instance, None).run_requests) == 1


def test_purchases_that_a_retraining_failed_on_ask_for_none(
    shifted_shop: Workspace, instance: dg.DagsterInstance
) -> None:
    run = create_run_for_test(instance, job_name=RETRAIN, status=dg.DagsterRunStatus.STARTED)
    instance.report_run_failed(run)
    assert "failed on these purchases" in tick(trend_shift, shifted_shop, instance, None).skip_message
    later = time.time() + 60  # read anew since
    os.utime(shifted_shop.validated / "transactions.parquet", (later, later))
    assert len(tick(trend_shift, shifted_shop, instance, None).run_requests) == 1


def test_no_shift_no_run(shifted_shop: Workspace, instance: dg.DagsterInstance) -> None:
    high = {"category": 1.0, "colour": 1.0, "price_tier": 1.0, "new_sku_share": 1.0}
    change_params(shifted_shop.params_file, {"trends": high})
    assert "no measure" in tick(trend_shift, shifted_shop, instance, None).skip_message


def test_a_shift_without_new_purchases_asks_for_none(
    shifted_shop: Workspace, instance: dg.DagsterInstance
) -> None:
    """The champion's own test window holds the newest purchases: a retraining would see the same data."""
    windows = {"validation_start": "2024-10-01", "test_end": "2025-01-01"}
    put_in_service(shifted_shop, "aaa", windows)
    assert "nothing new" in tick(trend_shift, shifted_shop, instance, None).skip_message


def test_nothing_to_compare_before_the_first_champion(
    workspace: Workspace, instance: dg.DagsterInstance
) -> None:
    assert "no champion" in tick(trend_shift, workspace, instance, None).skip_message


def test_a_retraining_reads_its_snapshot_and_extends_the_champion(workspace: Workspace) -> None:
    put_in_service(workspace, "abc", {})
    changes = prepare(workspace, RETRAIN, {SNAPSHOT_TAG: "2026-01"})
    params = read_params(workspace.params_file)
    assert (params.source.snapshot, params.lineage.parent) == ("2026-01", "abc")
    assert changes == {"source.snapshot": "2026-01", "lineage.parent": "abc"}


def test_another_retailer_extends_nobody(workspace: Workspace) -> None:
    put_in_service(workspace, "abc", {})
    change_params(workspace.params_file, {"source.kind": "hm", "lineage.parent": "abc"})
    assert prepare(workspace, RETRAIN, {}) == {"lineage.parent": None}


def test_a_retraining_without_a_snapshot_reads_the_newest(workspace: Workspace) -> None:
    prepare(workspace, RETRAIN, {SNAPSHOT_TAG: "2026-01"})
    assert prepare(workspace, RETRAIN, {}) == {"source.snapshot": None}


def test_an_ingest_reads_its_snapshot_and_leaves_the_lineage(workspace: Workspace) -> None:
    put_in_service(workspace, "abc", {})
    assert prepare(workspace, INGEST, {SNAPSHOT_TAG: "2026-01"}) == {"source.snapshot": "2026-01"}
    assert prepare(workspace, INGEST, {}) == {"source.snapshot": None}


def test_preparing_twice_leaves_the_file_alone(workspace: Workspace) -> None:
    prepare(workspace, RETRAIN, {SNAPSHOT_TAG: "2026-01"})
    before = workspace.params_file.stat().st_mtime_ns
    assert prepare(workspace, RETRAIN, {SNAPSHOT_TAG: "2026-01"}) == {}
    assert workspace.params_file.stat().st_mtime_ns == before


def test_materialising_by_hand_keeps_the_lineage(workspace: Workspace) -> None:
    put_in_service(workspace, "abc", {})
    assert prepare(workspace, "__ASSET_JOB", {}) == {}
    assert read_params(workspace.params_file).lineage.parent is None
