"""Section ``heads``: one classifier a name, and those that a project starts with."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from rec_assets.params.sections import Section


class Head(Section):
    """One decoder-trimmed classifier, of articles by their texts or of customers by what they buy next."""

    table: Literal["articles", "customers"] = Field(
        "articles",
        description="articles: read from their texts; customers: read off the recommender, which needs no "
        "text, prompt or mode.",
    )
    text: tuple[str, ...] = Field(("title", "description"), description="Columns it reads.")
    label: str = Field(
        "category",
        description="Column it predicts: of the catalogue; for customers, of the article bought next.",
    )
    optional: bool = Field(False, description="Leave the head out where the catalogue has no such column.")
    mode: Literal["linear", "fine_tune", "zero_shot", "few_shot", "auto"] = Field(
        "linear", description="As in DecoderTrimmedClassifier."
    )
    label_words: dict[str, tuple[str, ...]] | Literal["search"] | None = Field(
        None, description="Words that stand for a label; none: its name."
    )
    multi_token: Literal["sequence", "mean", "trie"] = Field(
        "trie",
        description="How words of several tokens are scored by zero_shot and few_shot; these heads are saved "
        "without the vocabulary, so trie where a label has some.",
    )
    prompt: str = Field(
        "{text}\nThis garment is a", pattern=r"\{text\}", description="What precedes the label word."
    )
    layer: int | Literal["auto"] | None = Field(
        1, description="Layer that linear reads; none: the last; auto: the best of all, for a pass more."
    )
    pooling: Literal["last", "mean", "auto"] = Field(
        "mean", description="State that linear reads: the last token's, or the mean of all."
    )
    C: Annotated[float, Field(gt=0)] | Literal["auto"] = Field(
        "auto", description="Inverse penalty of linear; auto: by cross-validation on its training rows."
    )
    fine_tuning: dict[str, Any] = Field(
        {}, description="Of fine_tune: method, epochs, learning_rate and the like, see docs/heads.md."
    )
    min_rows: int = Field(
        20, ge=2, description="Labels with fewer rows are left out; so are customers, where fewer are tested."
    )
    max_rows: int = Field(3000, ge=10, description="A seeded sample above this.")
    test_share: float = Field(0.2, gt=0, lt=1, description="Rows held out to judge it.")
    tolerance: float = Field(
        0.02, ge=0, le=1, description="Accuracy below a baseline's that does not stop the run."
    )
    fill_above: float | None = Field(
        0.8,
        ge=0,
        le=1,
        description="A missing attribute is filled where the head is surer than this; none: never.",
    )

    @model_validator(mode="after")
    def _reads_no_answer(self) -> "Head":
        if self.table == "articles" and self.label in self.text:
            raise ValueError(f"text holds {self.label!r}, the label itself")
        return self


def shipped_heads() -> dict[str, Head]:
    """Give the heads of a project that declares none, by name."""
    return {
        "category": Head(),
        "department": Head(label="department"),
        "colour": Head(label="colour"),
        "season": Head(label="season", optional=True),
        "next_category": Head(table="customers"),
        "next_price_tier": Head(table="customers", label="price_tier"),
    }
