"""Section ``promotion``: what a challenger must show."""

from pydantic import Field

from rec_assets.params.sections import Section


class Promotion(Section):
    """When the challenger becomes champion."""

    metric: str = Field("ndcg@10", description="What challenger, baselines and champion are compared by.")
    masked: bool = Field(False, description="Compare lists without articles bought before.")
    confidence: float = Field(0.95, gt=0, lt=1, description="Of the paired bootstrap intervals.")
    tolerance: float = Field(0.0, ge=0, description="Loss against the champion that is forgiven.")
