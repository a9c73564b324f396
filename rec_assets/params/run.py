"""Section ``run``: the seed and the threads."""

from pydantic import Field

from rec_assets.params.sections import Section


class Run(Section):
    """What every stage shares."""

    seed: int = Field(7, description="Of everything random.")
    threads: int = Field(2, ge=1, description="Threads for torch; part of byte-for-byte reproduction.")
