"""One asset per stage: run it, describe it, record it in ``dvc.lock``."""

import dagster as dg

from orchestration.checks import check_results, check_specs
from orchestration.metadata import code_version, data_version, metadata
from orchestration.resources import WorkspaceResource
from orchestration.retraining import prepare
from rec_assets import versioning
from rec_assets.errors import CouturierError
from rec_assets.params import read_params
from rec_assets.pipeline import STAGES, Stage, report_of
from rec_assets.tracking import one_run, track_reports
from rec_assets.workspace import Workspace, alone

POOL = "dvc"
"""Assets share one slot: DVC takes one command at a time, and a training wants the machine to itself."""


def asset_of(stage: Stage) -> dg.AssetsDefinition:
    """Make the asset of one stage."""

    @dg.asset(
        name=stage.name,
        deps=list(stage.after),
        group_name=stage.group,
        kinds=set(stage.kinds),
        owners=["team:recommendations"],
        description=stage.description,
        code_version=code_version(stage),
        check_specs=check_specs(stage),
        pool=POOL,
    )
    def materialise(context: dg.AssetExecutionContext, workspace: WorkspaceResource) -> dg.MaterializeResult:
        folder = workspace.open()
        try:
            with alone(folder), one_run(context.run_id):
                if stage.reads_source:
                    for key, value in prepare(folder, context.run.job_name, context.run.tags).items():
                        context.log.info(f"params.yaml: {key} is now {value}")
                return run(stage, folder)
        except CouturierError as error:
            # The page then opens with the problem and its cure instead of a stack trace.
            raise dg.Failure(f"{error.problem} {error.cure}".strip(), allow_retries=False) from error

    return materialise


def run(stage: Stage, workspace: Workspace) -> dg.MaterializeResult:
    """Run a stage in this process; record its outputs unless one of its checks failed."""
    versioning.find_dvc(workspace)  # before a training of an hour, not after it
    report = report_of(workspace, stage.name)
    if all(check.passed for check in report.checks):
        versioning.commit(workspace, stage.name)
    if stage == STAGES[-1]:
        track_reports(workspace, read_params(workspace.params_file))
    return dg.MaterializeResult(
        metadata=metadata(report),
        check_results=check_results(report),
        data_version=data_version(workspace, stage),
    )


assets = [asset_of(stage) for stage in STAGES]
