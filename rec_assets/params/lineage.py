"""Section ``lineage``: the model that a run goes on from."""

from pydantic import Field

from rec_assets.params.sections import Section


class Lineage(Section):
    """Where this model comes from."""

    parent: str | None = Field(
        None, description="Model version whose SKU registry this run extends; set by retraining."
    )
