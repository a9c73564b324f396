"""What a retraining run changes before it reads the source."""

from collections.abc import Mapping
from typing import Any

from rec_assets.params import change_params, read_params
from rec_assets.registry.lineage import parent_of
from rec_assets.workspace import Workspace

RETRAIN = "retrain"
"""The job of the whole graph."""
INGEST = "ingest"
"""The job that reads and checks a snapshot and trains nothing."""
SNAPSHOT_TAG = "couturier/snapshot"
"""Run tag: the folder under ``source.path`` that the run reads."""
SHIFT_TAG = "couturier/shift"
"""Run tag: the trend measures that crossed their thresholds."""


def prepare(workspace: Workspace, job: str, tags: Mapping[str, str]) -> dict[str, Any]:
    """Point ``params.yaml`` at the run's snapshot and, for a retraining, at the champion it extends.

    A retraining or ingest that names no snapshot reads the newest: it must not stay on the one an earlier
    run asked for. Written to the file, not kept in the run: ``dvc repro`` has to find what the run was made
    with.

    Returns
    -------
    dict
        The keys that changed, with their new values.
    """
    params = read_params(workspace.params_file)
    wanted: dict[str, tuple[Any, Any]] = {}
    snapshot = tags.get(SNAPSHOT_TAG)
    if snapshot or job in (RETRAIN, INGEST):
        wanted["source.snapshot"] = (params.source.snapshot, snapshot)
    if job == RETRAIN:
        wanted["lineage.parent"] = (params.lineage.parent, parent_of(workspace, params))
    changes = {key: new for key, (old, new) in wanted.items() if old != new}
    if changes:
        change_params(workspace.params_file, changes)
    return changes
