"""Section ``behaviour``: price tiers, and who or what is similar."""

from pydantic import Field, field_validator

from rec_assets.params.sections import Section, Share


class Neighbours(Section):
    """Similar articles and customers, clusters of interest: made from the training purchases."""

    similar_items: int = Field(20, ge=1, description="Articles listed as similar to one.")
    similar_customers: int = Field(20, ge=1, description="Customers listed as similar to one.")
    interest_clusters: int = Field(50, ge=1, description="Clusters of customers by what they buy.")
    dimensions: int = Field(64, ge=2, description="Length of the vectors compared (SVD).")
    exact_rows: int = Field(
        20_000, ge=1, description="Customers or texts up to which all are compared; above: within cells."
    )


class Behaviour(Section):
    """Features of articles and customers."""

    price_tiers: tuple[Share, Share] = Field(
        (0.33, 0.67), description="Quantiles, within a category, that bound budget | middle | premium."
    )
    min_prices: int = Field(1, ge=1, description="Priced purchases an article needs for a tier.")
    neighbours: Neighbours = Neighbours()

    @field_validator("price_tiers")
    @classmethod
    def _ascending(cls, price_tiers: tuple[float, float]) -> tuple[float, float]:
        if price_tiers[0] > price_tiers[1]:
            raise ValueError("the quantile that bounds budget must not be above the one that bounds premium")
        return price_tiers
