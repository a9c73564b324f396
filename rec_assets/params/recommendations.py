"""Section ``recommendations``: the length of a list, and what may be in it."""

from pydantic import Field

from rec_assets.params.sections import Section


class Recommendations(Section):
    """The lists a shop would show."""

    k: int = Field(12, ge=1, description="Articles a customer.")
    include_seen: bool = Field(True, description="Whether what was bought before may be recommended.")
