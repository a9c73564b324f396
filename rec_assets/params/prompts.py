"""Section ``prompts``: the wording, the history, and the kinds of answers."""

from pathlib import Path

from pydantic import Field, model_validator

from rec_assets.params.sections import Ratio, Section


class Targets(Section):
    """What training rows predict: a share of the rows for each kind of answer.

    The shares lie end to end. Up to a sum of 1 each row is rendered at most once, with the answers of one
    kind; above, rows come again: ``next_item: 1, similar_items: 0.25`` adds to all rows a quarter of them
    with other answers.
    """

    next_item: Ratio = Field(1.0, description="The purchase that came next.")
    next_basket: Ratio = Field(0.0, description="Any purchase of the next visit (same day).")
    wish_list: Ratio = Field(0.0, description="An article of the customer's own wish list.")
    own_basket: Ratio = Field(0.0, description="An article left in the customer's basket.")
    similar_customers: Ratio = Field(0.0, description="An article that similar customers bought.")
    similar_items: Ratio = Field(0.0, description="An article similar to one of the last five bought.")
    interest_cluster: Ratio = Field(0.0, description="A favourite of the customer's interest cluster.")

    @model_validator(mode="after")
    def _something(self) -> "Targets":
        if sum(self.shares().values()) <= 0:
            raise ValueError("at least one share must be above 0")
        return self

    def shares(self) -> dict[str, float]:
        """Share of each kind, in the order of the fields."""
        return {name: float(getattr(self, name)) for name in type(self).model_fields}


class Prompts(Section):
    """What the model reads."""

    template: Path = Field(Path("rec_assets/prompts/template.yaml"), description="Wording of the prompts.")
    history: int = Field(30, ge=1, description="Newest SKUs kept; the oldest are trimmed first.")
    targets: Targets = Targets()
