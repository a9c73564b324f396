"""Jobs: the whole graph, reading alone, and ranking alone."""

import dagster as dg

from orchestration.retraining import INGEST, RETRAIN

retrain = dg.define_asset_job(
    RETRAIN,
    selection=dg.AssetSelection.all(),
    description="The whole graph: from the newest snapshot to a decision and a report.",
)

ingest = dg.define_asset_job(
    INGEST,
    selection=dg.AssetSelection.assets("raw_data", "validated_data"),
    description="The newest snapshot read and checked, for the sensor trend_shift to look at; no training.",
)

rank = dg.define_asset_job(
    "rank",
    selection=dg.AssetSelection.assets("holdout_rankings", "recommendations"),
    description="New lists from the model as it is, without training.",
)
