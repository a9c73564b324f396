"""Section ``item_texts``: the columns that describe an article."""

from pydantic import Field

from rec_assets.params.sections import Section


class ItemTexts(Section):
    """How an article becomes one line of text."""

    fields: tuple[str, ...] = Field(
        ("title", "category", "colour", "department", "description"), description="Columns joined, in order."
    )
    max_characters: int = Field(400, ge=20, description="Longer texts are cut at a word.")
