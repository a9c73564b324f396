"""Everything Dagster loads: ``dagster dev -m orchestration.definitions``."""

import dagster as dg

from orchestration.assets import assets
from orchestration.jobs import ingest, rank, retrain
from orchestration.resources import WorkspaceResource
from orchestration.schedules import weekly_retraining
from orchestration.sensors import new_data, trend_shift

PRELOADED = ["orchestration.definitions", "rec_assets.validation.stage", "rec_assets.training.stage"]

defs = dg.Definitions(
    assets=assets,
    jobs=[retrain, ingest, rank],
    schedules=[weekly_retraining],
    sensors=[new_data, trend_shift],
    resources={"workspace": WorkspaceResource()},
    # One process per asset, one at a time: memory is given back after a training, and the next stage
    # has all cores. Each is forked from a process that has loaded the graph and its heaviest libraries:
    # importing PyTorch, TRL and Great Expectations anew would cost more than many assets do.
    executor=dg.multiprocess_executor.configured(
        {
            "max_concurrent": 1,
            "start_method": {"forkserver": {"preload_modules": PRELOADED}},
        }
    ),
)
