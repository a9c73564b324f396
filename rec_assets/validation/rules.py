"""The one list of rules.

Each rule says, once, what a good row looks like. :mod:`rec_assets.validation.screening` turns it into a
DuckDB predicate that decides over every row; :mod:`rec_assets.validation.suites` turns it into a Great
Expectations expectation for the suites and data docs. Neither knows a rule that is not here, so they cannot
disagree.
"""

from rec_assets import columns as c
from rec_assets.params import OWN_NAMES
from rec_assets.validation.kinds import (
    KEPT_ROW,
    SAME_AS_KEPT,
    Action,
    Bound,
    Holds,
    Present,
    Readable,
    Rule,
    Within,
    as_came,
    quoted,
)

TABLES = ("transactions", "customers", "articles")
SUITES = ("transactions", "customers", "articles", "references")

KNOWN_SKU = f"{OWN_NAMES}sku_in_articles"
KNOWN_CUSTOMER = f"{OWN_NAMES}customer_in_customers"
KEPT_CUSTOMER = f"{OWN_NAMES}customer_row_kept"
KEPT_ARTICLE = f"{OWN_NAMES}article_row_kept"


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
        show=f"{quoted(column)} || CASE WHEN {SAME_AS_KEPT} THEN ', the same as' "
        f"ELSE ', less complete or later than' END || ' the kept row ' || {KEPT_ROW}",
    )


RULES: tuple[Rule, ...] = (
    _present("transactions", c.CUSTOMER),
    _present("transactions", c.SKU),
    _present("transactions", c.TIMESTAMP, staged=as_came(c.TIMESTAMP)),
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
    # A purchase is good even if the customer file does not know who made it: attributes stay unknown.
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
