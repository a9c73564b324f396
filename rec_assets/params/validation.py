"""Section ``validation``: the limits of what is trained on."""

from pydantic import Field

from rec_assets.params.sections import Section


class Validation(Section):
    """When data is too bad to train on."""

    max_quarantined_share: float = Field(0.05, ge=0, le=1, description="Per table.")
    min_volume_ratio: float = Field(0.5, ge=0, description="Rows against the previous snapshot.")
    max_volume_ratio: float = Field(3.0, gt=0, description="Rows against the previous snapshot.")
    max_age_days: int | None = Field(
        None, description="Newest purchase must be at most this old today; none: not checked."
    )
    max_price: float = Field(100_000.0, gt=0, description="A dearer purchase is quarantined.")
