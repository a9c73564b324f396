"""The kinds of rule, each able to say as a DuckDB condition what a good row looks like."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from rec_assets.params import OWN_NAMES

Action = Literal["quarantine", "clear", "note"]
"""What breaking a rule costs: the row, the attribute (the row is kept without it), or nothing but a count."""

Limits = Mapping[str, float | str]
"""Bounds known only when the stage runs, by name: ``max_price`` and ``tomorrow`` (ISO date and time)."""

# Columns that staging adds. A retailer's attribute may have any name that does not begin as these do.
RAW_ROW = f"{OWN_NAMES}raw_row"  # 0-based place of the row in the raw file
RAW_JSON = f"{OWN_NAMES}raw_json"  # the row as it came
KEPT_ROW = f"{OWN_NAMES}kept_row"  # the row kept of those with one key
SAME_AS_KEPT = f"{OWN_NAMES}same_as_kept"


def as_came(column: str) -> str:
    """Name the column that holds a value as the retailer gave it."""
    return f"{OWN_NAMES}{column}_as_came"


def quoted(column: str) -> str:
    """Quote a column's name for SQL."""
    return '"' + column.replace('"', '""') + '"'


@dataclass(frozen=True)
class Bound:
    """A bound that is looked up in :data:`Limits` when the stage runs."""

    name: str


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What a good row looks like.

    Parameters
    ----------
    name
        Its name in reports and in quarantine.
    table
        The table whose rows it judges.
    column
        The staged column it judges.
    action
        What breaking it costs.
    meaning
        What is wrong with a row that breaks it.
    suite
        The suite it belongs to; the table's own unless it is about other tables.
    """

    name: str
    table: str
    column: str
    action: Action
    meaning: str
    suite: str

    def judged(self) -> str:
        """Give the SQL condition for the rows that this rule says anything about."""
        return f"{quoted(self.column)} IS NOT NULL"

    def holds(self, limits: Limits) -> str:
        """Give the SQL condition for a good row: true or false, never null."""
        raise NotImplementedError

    def shown(self) -> str:
        """Give SQL text for the value that broke the rule, empty where there is nothing to show."""
        return f"CAST({quoted(self.column)} AS VARCHAR)"


@dataclass(frozen=True, kw_only=True)
class Present(Rule):
    """The value is there."""

    def judged(self) -> str:
        """Every row."""
        return "true"

    def holds(self, limits: Limits) -> str:
        """Not null; blank text was staged as null."""
        return f"{quoted(self.column)} IS NOT NULL"

    def shown(self) -> str:
        """Nothing: there is no value."""
        return "''"


@dataclass(frozen=True, kw_only=True)
class Readable(Rule):
    """Where a value came, it could be read as the column's type."""

    @property
    def as_came(self) -> str:
        """The column that holds the value as it came."""
        return as_came(self.column)

    def judged(self) -> str:
        """Rows where the retailer gave a value."""
        return f"{quoted(self.as_came)} IS NOT NULL"

    def holds(self, limits: Limits) -> str:
        """Nothing came, or it was read."""
        return f"({quoted(self.as_came)} IS NULL OR {quoted(self.column)} IS NOT NULL)"

    def shown(self) -> str:
        """Show the value as it came."""
        return f"CAST({quoted(self.as_came)} AS VARCHAR)"


@dataclass(frozen=True, kw_only=True)
class Within(Rule):
    """The value, where there is one, lies between two bounds.

    Parameters
    ----------
    low
        Smallest good value.
    high
        Largest good value, or the first bad one when ``below`` is set.
    below
        Whether ``high`` itself is bad.
    """

    low: float | str
    high: float | str | Bound
    below: bool = False

    def holds(self, limits: Limits) -> str:
        """Null, or between the bounds."""
        high = limits[self.high.name] if isinstance(self.high, Bound) else self.high
        name, under = quoted(self.column), "<" if self.below else "<="
        return f"({name} IS NULL OR ({name} >= {_literal(self.low)} AND {name} {under} {_literal(high)}))"


@dataclass(frozen=True, kw_only=True)
class Holds(Rule):
    """A condition that takes other rows or tables, staged as a Boolean column, is true.

    Parameters
    ----------
    show
        SQL text: what to say about a row for which it is false.
    """

    show: str

    def holds(self, limits: Limits) -> str:
        """Take the staged condition, which is never null."""
        return quoted(self.column)

    def shown(self) -> str:
        """Show what the rule says about the row."""
        return self.show


def _literal(bound: float | str) -> str:
    return f"TIMESTAMP '{bound}'" if isinstance(bound, str) else repr(float(bound))
