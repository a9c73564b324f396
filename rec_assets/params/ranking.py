"""Section ``ranking``: the holdout lists, and how many tokens at once."""

from pydantic import Field

from rec_assets.params.sections import Precision, Section


class Ranking(Section):
    """How lists are made."""

    depth: int = Field(200, ge=1, description="Length of the holdout lists.")
    batch_tokens: int = Field(16_384, ge=64, description="Tokens ranked at once.")
    precision: Precision = Field(
        "auto",
        description="Of the forward pass, not of the product with the head; auto: as in training.",
    )
    repeats: bool = Field(
        True,
        description="Score SKUs that a customer has bought by how often customers buy again, counted in "
        "training purchases; false: as the model scores them.",
    )
    demand: bool = Field(
        True,
        description="Mix the model's scores with what everybody buys of late and at all times, and with how "
        "often something never sold is bought, most of that which came when others that sell now did, as "
        "validation purchases say; most for customers of whom little is known; false: leave them alone.",
    )
    beams: int = Field(
        20,
        ge=1,
        description="Words of id tokens kept at every step (vocabulary.item_tokens): holdout lists of such "
        "models end there.",
    )
