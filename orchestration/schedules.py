"""The weekly retraining."""

import dagster as dg

from orchestration.jobs import retrain
from rec_assets.params import read_params
from rec_assets.workspace import Workspace

_when = read_params(Workspace.find().params_file).schedule

weekly_retraining = dg.ScheduleDefinition(
    name="weekly_retraining",
    job=retrain,
    cron_schedule=_when.cron,
    execution_timezone=_when.timezone,
    description="Retrain at the time that params.yaml names under schedule.",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
