"""What every section of ``params.yaml`` is, and kinds of numbers that several of them hold."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, le=1)]
Ratio = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Precision = Literal["auto", "fp32", "bf16"]


class Section(BaseModel):
    """A part of ``params.yaml``; a key it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)
