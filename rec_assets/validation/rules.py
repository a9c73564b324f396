"""The one list of rules.

Each rule says, once, what a good row looks like. :mod:`rec_assets.validation.screening` turns it into a DuckDB
predicate that decides over every row; :mod:`rec_assets.validation.suites` turns it into a Great Expectations
expectation for the suites and data docs. Neither knows a rule that is not here, so they cannot disagree.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from rec_assets import columns as c

Action = Literal["quarantine", "clear", "note"]
"""What breaking a rule costs: the row, the attribute (the row is kept without it), or nothing but a count."""

Limits = Mapping[str, float | str]
"""Bounds known only when the stage runs, by name: ``max_price`` and ``tomorrow`` (ISO date and time)."""

TABLES = ("transactions", "customers", "articles")
SUITES = ("transactions", "customers", "articles", "references")

AS_CAME = "_as_came"  # suffix of the column that holds the value as the retailer gave it
KNOWN_SKU = "sku_in_articles"
KNOWN_CUSTOMER = "customer_in_customers"
KEPT_CUSTOMER = "customer_row_kept"
KEPT_ARTICLE = "article_row_kept"


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
        """SQL condition: the rows that this rule says anything about."""
        return f"{quoted(self.column)} IS NOT NULL"

    def holds(self, limits: Limits) -> str:
        """SQL condition, true or false but never null: the row is good."""
        raise NotImplementedError

    def shown(self) -> str:
        """SQL text: the value that broke the rule, empty where there is nothing to show."""
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
        return self.column + AS_CAME

    def judged(self) -> str:
        """Rows where the retailer gave a value."""
        return f"{quoted(self.as_came)} IS NOT NULL"

    def holds(self, limits: Limits) -> str:
        """Nothing came, or it was read."""
        return f"({quoted(self.as_came)} IS NULL OR {quoted(self.column)} IS NOT NULL)"

    def shown(self) -> str:
        """The value as it came."""
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
        """The staged condition, which is never null."""
        return quoted(self.column)

    def shown(self) -> str:
        """What the rule says about the row."""
        return self.show


def _literal(bound: float | str) -> str:
    return f"TIMESTAMP '{bound}'" if isinstance(bound, str) else repr(float(bound))


def _present(table: str, column: str, staged: str | None = None, action: Action = "quarantine") -> Present:
    return Present(
        name=f"{column}_present",
        table=table,
        column=staged or column,
        action=action,
        meaning=f"{column} is missing",
        suite=table,
    )


def _readable(table: str, column: str, kind: str, action: Action) -> Readable:
    return Readable(
        name=f"{column}_readable",
        table=table,
        column=column,
        action=action,
        meaning=f"{column} is not {kind}",
        suite=table,
    )


def _kept(table: str, column: str, staged: str) -> Holds:
    return Holds(
        name=f"{column}_unique",
        table=table,
        column=staged,
        action="quarantine",
        meaning=f"{column} has another row",
        suite=table,
        show=f"{quoted(column)} || CASE WHEN same_as_kept THEN ', the same as' ELSE ', less complete or later than' END "
        "|| ' the kept row ' || kept_row",
    )


RULES: tuple[Rule, ...] = (
    _present("transactions", c.CUSTOMER),
    _present("transactions", c.SKU),
    _present("transactions", c.TIMESTAMP, staged=c.TIMESTAMP + AS_CAME),
    _readable("transactions", c.TIMESTAMP, "a date", "quarantine"),
    Within(
        name="timestamp_in_range",
        table="transactions",
        column=c.TIMESTAMP,
        action="quarantine",
        meaning="timestamp lies before 1970 or in the future",
        suite="transactions",
        low="1970-01-01T00:00:00",
        high=Bound("tomorrow"),
        below=True,
    ),
    _readable("transactions", c.PRICE, "a number", "quarantine"),
    Within(
        name="price_in_range",
        table="transactions",
        column=c.PRICE,
        action="quarantine",
        meaning="price is negative or above validation.max_price",
        suite="transactions",
        low=0.0,
        high=Bound("max_price"),
    ),
    Holds(
        name="sku_known",
        table="transactions",
        column=KNOWN_SKU,
        action="quarantine",
        meaning="sku is not in articles",
        suite="references",
        show=quoted(c.SKU),
    ),
    # A purchase is good whether or not the retailer's customer file knows who made it: attributes stay unknown.
    Holds(
        name="customer_known",
        table="transactions",
        column=KNOWN_CUSTOMER,
        action="note",
        meaning="customer_id is not in customers",
        suite="references",
        show=quoted(c.CUSTOMER),
    ),
    _present("customers", c.CUSTOMER),
    _kept("customers", c.CUSTOMER, KEPT_CUSTOMER),
    _readable("customers", c.AGE, "a number", "clear"),
    Within(
        name="age_in_range",
        table="customers",
        column=c.AGE,
        action="clear",
        meaning="age is not between 0 and 120",
        suite="customers",
        low=0.0,
        high=120.0,
    ),
    _present("articles", c.SKU),
    _kept("articles", c.SKU, KEPT_ARTICLE),
    # An article without a title still sells: its text falls back on its other attributes.
    _present("articles", c.TITLE, action="note"),
    _readable("articles", c.INTRODUCED, "a date", "clear"),
    # Announced articles may be introduced in the future; placeholder dates such as 0001-01-01 are no dates.
    Within(
        name="introduced_in_range",
        table="articles",
        column=c.INTRODUCED,
        action="clear",
        meaning="introduced is not between 1900 and 2200",
        suite="articles",
        low="1900-01-01T00:00:00",
        high="2200-01-01T00:00:00",
    ),
    _readable("articles", c.AVAILABLE, "true or false", "clear"),
)


def rules_of(table: str, *actions: Action) -> tuple[Rule, ...]:
    """Rules that judge a table's rows, in order; only those with one of ``actions`` if any is given."""
    return tuple(rule for rule in RULES if rule.table == table and (not actions or rule.action in actions))
