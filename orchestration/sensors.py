"""What starts a retraining between two scheduled ones: a new snapshot, or fashion that has shifted."""

import json
import time
from datetime import date
from itertools import takewhile
from pathlib import Path
from typing import Any

import dagster as dg

from orchestration.jobs import ingest, retrain
from orchestration.resources import WorkspaceResource
from orchestration.retraining import RETRAIN, SHIFT_TAG, SNAPSHOT_TAG
from rec_assets.drift.measures import shifted
from rec_assets.drift.mixes import days_sold
from rec_assets.files import content_hash, read_json
from rec_assets.params import read_params
from rec_assets.registry.champion import Champion, read_champion
from rec_assets.sources.snapshots import list_snapshots
from rec_assets.workspace import Workspace

SETTLED_SECONDS = 15.0
"""A snapshot whose files changed more recently may still be copying."""

ENDED = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
UNDER_WAY = dg.RunsFilter(
    job_name=RETRAIN, statuses=[status for status in dg.DagsterRunStatus if status not in ENDED]
)


@dg.sensor(
    jobs=[retrain, ingest],
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="One run for each new snapshot in the source folder, oldest first: schedule.new_snapshot.",
)
def new_data(
    context: dg.SensorEvaluationContext, workspace: WorkspaceResource
) -> dg.SensorResult | dg.SkipReason:
    """Request a run for every snapshot that sorts after the newest one seen.

    The cursor holds that snapshot and the folder it lies in. The one in ``data/raw`` counts as seen too: a
    snapshot that was read by hand is not read again. Neither is one whose run failed: what stopped it would
    stop it again, every 30 seconds.
    """
    folder = workspace.open()
    params = read_params(folder.params_file)
    source = params.source
    if source.kind == "synthetic":
        return dg.SkipReason("the synthetic retailer reads no files: set source.kind in params.yaml")
    record = folder.raw / "source.json"
    read_already = read_json(record) if record.exists() else {}
    requested = json.loads(context.cursor or "{}")
    seen = max(_snapshot_in(source.path, requested), _snapshot_in(source.path, read_already))
    fresh = [name for name in list_snapshots(folder.root / source.path) if name > seen]
    # A settled snapshot waits for an unsettled earlier one: the cursor passes each name once.
    ready = list(takewhile(lambda name: _settled(folder.root / source.path / name), fresh))
    if not ready:
        return dg.SkipReason(f"{fresh[0]} is still being written" if fresh else f"no snapshot after {seen!r}")
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(
                run_key=f"{source.path}/{name}",
                tags={SNAPSHOT_TAG: name},
                job_name=params.schedule.new_snapshot,
            )
            for name in ready
        ],
        cursor=json.dumps({"path": source.path.as_posix(), "snapshot": ready[-1]}),
    )


@dg.sensor(
    job=retrain,
    minimum_interval_seconds=600,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="One retraining when trend measures cross their thresholds in params.yaml.",
)
def trend_shift(
    context: dg.SensorEvaluationContext, workspace: WorkspaceResource
) -> dg.SensorResult | dg.SkipReason:
    """Request a run when the newest weeks have left the champion's training window behind.

    A retraining has nothing new to learn from the same purchases. So none is requested while one is under
    way, nor for purchases that the last decision was taken on or the last retraining failed on; and the
    cursor holds the hash of those that a run was requested for.
    """
    if context.instance.get_runs(UNDER_WAY, limit=1):
        return dg.SkipReason("a retraining is queued or running")
    folder = workspace.open()
    champion = read_champion(folder)
    if champion is None:
        return dg.SkipReason("no champion yet")
    if not _sold_since(champion, folder):
        return dg.SkipReason("no purchase since the champion's own windows: nothing new to learn")
    measures = sorted(m.name for m in shifted(folder, read_params(folder.params_file)) if m.shifted)
    if not measures:
        return dg.SkipReason("no measure crosses its threshold")
    if _decided_on(purchases := folder.validated / "transactions.parquet", folder.reports):
        return dg.SkipReason("the last decision was taken on these purchases: nothing new to learn")
    if _failed_on(purchases, context.instance):
        return dg.SkipReason("the last retraining failed on these purchases: mend it and launch it again")
    if (content := content_hash(purchases)) == context.cursor:
        return dg.SkipReason(f"already requested for {', '.join(measures)}")
    return dg.SensorResult(run_requests=[dg.RunRequest(tags={SHIFT_TAG: ",".join(measures)})], cursor=content)


def _snapshot_in(path: Path, record: dict[str, Any]) -> str:
    """Name the snapshot that a record tells of; empty when it lies in another folder, or is none."""
    return (record["snapshot"] or "") if record.get("path") == path.as_posix() else ""


def _decided_on(purchases: Path, reports: Path) -> bool:
    # A stage that repeats a decision writes it again, so the file is newer than what it was decided on.
    decision = reports / "promotion.json"
    return decision.exists() and decision.stat().st_mtime_ns > purchases.stat().st_mtime_ns


def _failed_on(purchases: Path, instance: dg.DagsterInstance) -> bool:
    for record in instance.get_run_records(dg.RunsFilter(job_name=RETRAIN), limit=1):
        failed = record.dagster_run.status == dg.DagsterRunStatus.FAILURE
        return failed and (record.end_time or 0.0) > purchases.stat().st_mtime
    return False


def _sold_since(champion: Champion, workspace: Workspace) -> bool:
    test_end = (champion.windows or {}).get("test_end")
    sold = days_sold(workspace.validated) if test_end else None
    return sold is None or sold.end >= date.fromisoformat(str(test_end)[:10])


def _settled(snapshot: Path) -> bool:
    # The change time, not the modification time: copying with `cp -p` sets the latter to the original's.
    # A link that leads nowhere (yet) counts by its own.
    paths = (snapshot, *snapshot.rglob("*"))
    newest = max(path.stat(follow_symlinks=path.exists()).st_ctime for path in paths)
    return time.time() - newest > SETTLED_SECONDS
