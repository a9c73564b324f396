"""Section ``schedule``: when to retrain, and what new data starts."""

import re
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator

from rec_assets.params.sections import Section

_CRON_VALUES = (
    r"[0-5]?\d",
    r"(?:[01]?\d|2[0-3])",
    r"(?:0?[1-9]|[12]\d|3[01])",
    r"(?:0?[1-9]|1[0-2]|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)",
    r"(?:[0-7]|sun|mon|tue|wed|thu|fri|sat)",
)
_CRON_PARTS = [rf"(?:\*|{value}(?:-{value})?)(?:/[1-9]\d*)?" for value in _CRON_VALUES]
_CRON = re.compile(r"\s+".join(f"{part}(?:,{part})*" for part in _CRON_PARTS), re.IGNORECASE)


class Schedule(Section):
    """When Dagster works by itself."""

    cron: str = Field("0 4 * * 1", description="Minute, hour, day, month, weekday of a retraining.")
    timezone: str = Field("UTC", description="Of the schedule.")
    new_snapshot: Literal["retrain", "ingest"] = Field(
        "retrain",
        description="What a new snapshot starts; ingest reads and checks it, and retrains on a trend shift.",
    )

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, timezone: str) -> str:
        try:
            ZoneInfo(timezone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError("write an IANA name, such as Europe/Amsterdam") from error
        return timezone

    @field_validator("cron")
    @classmethod
    def _five_fields(cls, cron: str) -> str:
        # Dagster loads nothing at all when it cannot read the schedule.
        if not _CRON.fullmatch(cron.strip()):
            raise ValueError("write five fields: minute hour day month weekday, such as 0 4 * * 1")
        return cron
