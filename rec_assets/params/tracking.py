"""Section ``tracking``: where runs are recorded."""

from typing import Literal

from pydantic import Field

from rec_assets.params.sections import Section


class Tracking(Section):
    """Weights & Biases."""

    project: str = Field("couturier", description="Project in Weights & Biases.")
    mode: Literal["auto", "offline", "online", "disabled"] = Field(
        "auto", description="auto: online when WANDB_API_KEY is set, else offline."
    )
