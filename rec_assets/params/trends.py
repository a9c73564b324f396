"""Section ``trends``: the distances at which fashion has shifted."""

from pydantic import Field

from rec_assets.params.sections import Section


class Trends(Section):
    """When fashion has shifted: Jensen-Shannon distances in [0, 1] (base 2)."""

    recent_days: int = Field(28, ge=1, description="Newest days compared with the training window.")
    category: float = Field(0.25, description="Distance above which the category mix has shifted.")
    colour: float = Field(0.25, description="The same for colours.")
    price_tier: float = Field(0.2, description="The same for price tiers.")
    new_sku_share: float = Field(0.5, description="Share of recent purchases on SKUs new since training.")
