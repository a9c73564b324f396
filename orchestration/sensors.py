"""What starts a retraining between two scheduled ones: a new snapshot, or fashion that has shifted."""

import json
import time
from datetime import date
from itertools import takewhile
from pathlib import Path

import dagster as dg

from orchestration.jobs import retrain
from orchestration.resources import WorkspaceResource
from orchestration.retraining import SHIFT_TAG, SNAPSHOT_TAG
from rec_assets.drift.measures import shifted
from rec_assets.drift.mixes import days_sold
from rec_assets.files import read_json
from rec_assets.params import read_params
from rec_assets.registry.champion import Champion, read_champion
from rec_assets.sources.snapshots import list_snapshots
from rec_assets.workspace import Workspace

SETTLED_SECONDS = 15.0
"""A snapshot whose files changed more recently may still be copying."""


@dg.sensor(
    job=retrain,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="One retraining for each new snapshot in the source folder, oldest first.",
)
def new_data(
    context: dg.SensorEvaluationContext, workspace: WorkspaceResource
) -> dg.SensorResult | dg.SkipReason:
    """Request a run for every snapshot that sorts after the newest one seen.

    The cursor holds that snapshot and the folder it lies in. The one in ``data/raw`` counts as seen too: a
    snapshot that was read by hand is not read again.
    """
    folder = workspace.open()
    source = read_params(folder.params_file).source
    if source.kind == "synthetic":
        return dg.SkipReason("the synthetic retailer reads no files: set source.kind in params.yaml")
    seen = max(_newest_seen(context.cursor, source.path), _read_already(folder.raw / "source.json"))
    fresh = [name for name in list_snapshots(folder.root / source.path) if name > seen]
    # A settled snapshot waits for an unsettled earlier one: the cursor passes each name once.
    ready = list(takewhile(lambda name: _settled(folder.root / source.path / name), fresh))
    if not ready:
        return dg.SkipReason(f"{fresh[0]} is still being written" if fresh else f"no snapshot after {seen!r}")
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(run_key=f"{source.path}/{name}", tags={SNAPSHOT_TAG: name}) for name in ready
        ],
        cursor=json.dumps({"path": str(source.path), "snapshot": ready[-1]}),
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

    The cursor holds the champion and the measures that a run was requested for, so a shift that a
    retraining could not mend does not ask again every ten minutes; another measure, or another champion,
    does.
    """
    folder = workspace.open()
    champion = read_champion(folder)
    if champion is None:
        return dg.SkipReason("no champion yet")
    if not _sold_since(champion, folder):
        return dg.SkipReason("no purchase since the champion's own windows: a retraining would repeat it")
    measures = sorted(m.name for m in shifted(folder, read_params(folder.params_file)) if m.shifted)
    if not measures:
        context.update_cursor("")
        return dg.SkipReason("no measure crosses its threshold")
    shift = json.dumps({"champion": champion.version, "measures": measures}, sort_keys=True)
    if shift == context.cursor:
        return dg.SkipReason(f"already requested for {', '.join(measures)}")
    return dg.SensorResult(run_requests=[dg.RunRequest(tags={SHIFT_TAG: ",".join(measures)})], cursor=shift)


def _newest_seen(cursor: str | None, path: Path) -> str:
    seen = json.loads(cursor) if cursor else {}
    return str(seen["snapshot"]) if seen.get("path") == str(path) else ""


def _read_already(source_file: Path) -> str:
    snapshot = read_json(source_file)["snapshot"] if source_file.exists() else None
    return snapshot or ""


def _sold_since(champion: Champion, workspace: Workspace) -> bool:
    test_end = (champion.windows or {}).get("test_end")
    sold = days_sold(workspace.validated) if test_end else None
    return sold is None or sold.end >= date.fromisoformat(str(test_end)[:10])


def _settled(snapshot: Path) -> bool:
    # The change time, not the modification time: copying with `cp -p` sets the latter to the original's.
    newest = max(path.stat().st_ctime for path in (snapshot, *snapshot.rglob("*")))
    return time.time() - newest > SETTLED_SECONDS
