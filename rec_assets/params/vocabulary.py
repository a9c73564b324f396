"""Section ``vocabulary``: one token an SKU, or words of several."""

from typing import Literal

from pydantic import Field

from rec_assets.params.sections import Section


class Vocabulary(Section):
    """How the model writes an SKU, and where its tokens start."""

    item_tokens: Literal["sku", "digits", "digits2", "digits3", "semantic"] = Field(
        "sku",
        description="sku: one token each, ranked in one pass; digits, digits2, digits3: words of one, two, "
        "three digits a token; semantic: words that like titles share. Words are ranked by beams.",
    )
    sentence_encoder: str | None = Field(
        "pypi:all-minilm-l6-v2",
        description="Its vectors of titles stand beside those of subwords: pypi:all-minilm-l6-v2, "
        "hf:OWNER/NAME, or a local folder; none: subwords alone.",
    )
    sentence_tokens: int = Field(64, ge=2, description="The encoder reads this many tokens of a title.")
    co_purchase_window: int = Field(
        5, ge=1, description="Purchases of a customer up to this many places apart were bought together."
    )
    co_purchase_rank: int = Field(384, ge=1, description="Directions kept of the co-purchase matrix.")
