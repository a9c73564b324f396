"""The whole pipeline in one process: run what changed, record it in DVC, show what came of it."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rec_assets.params import change_params, read_params
from rec_assets.pipeline import STAGES, Stage, StageReport, downstream, run_stage, stage
from rec_assets.registry.lineage import parent_of
from rec_assets.tracking import RUN_ID, one_run, track_reports
from rec_assets.versioning import changed_stages, commit
from rec_assets.workspace import Workspace, alone

Announce = Callable[[str], None]


@dataclass(frozen=True)
class Ran:
    """One stage that ran."""

    name: str
    seconds: float
    report: StageReport


def plan(changed: Sequence[str], *, force: bool = False, start: str | None = None) -> tuple[Stage, ...]:
    """Give the stages to run, in order.

    Parameters
    ----------
    changed
        Stages that DVC reports as changed.
    force
        Run all stages.
    start
        Run this stage and all that read from it, changed or not.

    Raises
    ------
    CouturierError
        When ``start`` is no stage.
    """
    if force:
        return STAGES
    return downstream([*changed, *((stage(start).name,) if start else ())])


def run_pipeline(
    workspace: Workspace,
    *,
    force: bool = False,
    start: str | None = None,
    versioned: bool = True,
    announce: Announce = print,
) -> list[Ran]:
    """Run what changed since the last run, stage by stage, each recorded in DVC as it ends.

    A run that was stopped goes on from its first unfinished stage: what DVC has recorded is not repeated.

    Parameters
    ----------
    workspace
        Where to run.
    force, start
        As in :func:`plan`.
    versioned
        Ask DVC what changed, and record what ran. Without it every stage runs and nothing is versioned.
    announce
        Receives a line before and after each stage.

    Returns
    -------
    list of Ran
        What ran, in order; empty when all is up to date.

    Raises
    ------
    VersioningError
        When DVC is missing or refuses.
    CouturierError
        What a stage raised; the stages before it are recorded.
    """
    with alone(workspace):
        return _run(workspace, force, start, versioned, announce)


def _run(
    workspace: Workspace, force: bool, start: str | None, versioned: bool, announce: Announce
) -> list[Ran]:
    everything = [entry.name for entry in STAGES if start is None]
    changed = changed_stages(workspace) if versioned else everything
    if STAGES[0].name in changed:
        _extend_champion(workspace, announce)
    stages = plan(changed, force=force, start=start)
    unchanged = len(STAGES) - len(stages)
    if unchanged:
        announce(f"{unchanged} of {len(STAGES)} stages are up to date.")
    marker = workspace.data / "run_id"
    # The marker outlives a run that was killed between its last stage and the end of its tracking.
    if not stages and not marker.exists():
        return []
    ran = []
    with one_run(_identity(workspace)):
        for number, entry in enumerate(stages, 1):
            announce(f"[{number:>2}/{len(stages)}] {entry.name}: {entry.description}")
            began = time.monotonic()
            report = run_stage(workspace, entry.name)
            if versioned:
                commit(workspace, entry.name)
            ran.append(Ran(entry.name, time.monotonic() - began, report))
            announce(f"        {describe(ran[-1])}")
        track_reports(workspace, read_params(workspace.params_file))
    marker.unlink(missing_ok=True)
    return ran


def describe(ran: Ran) -> str:
    """Say in one line what a stage did, how long it took and how many rows it wrote."""
    rows = ", ".join(f"{table} {count:,}" for table, count in ran.report.rows.items())
    return f"{ran.seconds:6.1f} s  {ran.report.summary}" + (f"  [{rows}]" if rows else "")


def _extend_champion(workspace: Workspace, announce: Announce) -> None:
    """Before new data is read, name the champion whose SKU tokens are kept; ``dvc repro`` has to find it."""
    params = read_params(workspace.params_file)
    parent = parent_of(workspace, params)
    if parent != params.lineage.parent:
        change_params(workspace.params_file, {"lineage.parent": parent})
        announce(f"params.yaml: lineage.parent = {parent} (was {params.lineage.parent})")


def _identity(workspace: Workspace) -> str:
    """Name the run; one that was stopped keeps its name when it goes on."""
    marker = workspace.data / "run_id"
    if given := os.environ.get(RUN_ID):
        return given
    if marker.exists():
        return marker.read_text().strip()
    identity = time.strftime("%Y%m%d-%H%M%S")
    workspace.data.mkdir(parents=True, exist_ok=True)
    marker.write_text(identity)
    return identity
