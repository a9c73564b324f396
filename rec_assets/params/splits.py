"""Section ``splits``: the windows of training, validation and test."""

from datetime import date
from typing import Literal

from pydantic import Field

from rec_assets.params.sections import Section


class Splits(Section):
    """What is trained on, what is held out."""

    strategy: Literal["time", "leave_one_out"] = Field(
        "time", description="time: by date; leave_one_out: the last purchase of each customer."
    )
    as_of: date | None = Field(
        None, description="First day of the test window; none: last day - test_days + 1."
    )
    validation_days: int = Field(28, ge=1, description="Window before as_of that stops the training early.")
    test_days: int = Field(28, ge=1, description="Window from as_of on that judges the model.")
