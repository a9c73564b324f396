"""Jobs: the whole graph, and ranking alone."""

import dagster as dg

from orchestration.retraining import RETRAIN

retrain = dg.define_asset_job(
    RETRAIN,
    selection=dg.AssetSelection.all(),
    description="The whole graph: from the newest snapshot to a decision and a report.",
)

rank = dg.define_asset_job(
    "rank",
    selection=dg.AssetSelection.assets("holdout_rankings", "recommendations"),
    description="New lists from the model as it is, without training.",
)
