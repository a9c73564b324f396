"""Section ``baselines``: the recommenders beside the model."""

from pydantic import Field

from rec_assets.params.sections import Section


class Baselines(Section):
    """What the model has to beat."""

    models: tuple[str, ...] = Field(
        (
            "popular",
            "recently_popular",
            "popular_in_category",
            "repeat",
            "title_knn",
            "item_knn",
            "user_knn",
            "implicit_als",
            "ease",
            "bought_next",
            "sasrec",
            "bert4rec",
        ),
        description="Those trained and judged beside the model.",
    )
    recent_days: int = Field(14, ge=1, description="Window of recently_popular.")
    ease_max_items: int = Field(
        20_000, description="EASE inverts an items x items matrix: above this it is left out."
    )
    sequential_epochs: int = Field(20, ge=1, description="Of SASRec and BERT4Rec.")
    sequential_width: int = Field(64, ge=8, description="Of their item vectors.")
