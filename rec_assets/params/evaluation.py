"""Section ``evaluation``: cut-offs, intervals and slices."""

from typing import Annotated

from pydantic import Field

from rec_assets.params.sections import Section


class Evaluation(Section):
    """How lists are judged."""

    cutoffs: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (5, 10, 20, 200), min_length=1, description="List lengths judged; lists end at ranking.depth."
    )
    bootstrap_samples: int = Field(1000, ge=100, description="Resamples behind every interval.")
    confidence: float = Field(0.95, gt=0, lt=1, description="Of the intervals.")
    short_history: int = Field(3, ge=1, description="Purchases up to which a history counts as short.")
    max_customers: int | None = Field(None, ge=1, description="Judge a seeded sample of the test customers.")
