"""The rules as Great Expectations suites, kept in the file context under ``great_expectations/``."""

import math
from collections.abc import Mapping
from functools import singledispatch
from pathlib import Path
from typing import Any

import great_expectations as gx
import great_expectations.expectations as gxe
from great_expectations.core import ExpectationSuite
from great_expectations.expectations.row_conditions import Column

from rec_assets.validation.kinds import Action, Bound, Holds, Limits, Present, Readable, Rule, Within
from rec_assets.validation.rules import RULES, SUITES, TABLES
from rec_assets.validation.screening import Screening

DATASOURCE = "raw"
BATCH = "rows"
SITE = "local_site"
RULE = "rule"  # key, in an expectation's meta, of the rule it was made from

SEVERITY: Mapping[Action, str] = {"quarantine": "critical", "clear": "warning", "note": "info"}
NEVER_EMPTY = ("transactions", "articles")  # customers may be unknown altogether

_SAMPLING_ERRORS = 4  # standard errors by which a sample may overstate a share before its suite fails


def expectation(rule: Rule) -> gxe.Expectation:
    """Give the expectation that counts as unexpected exactly the rows for which ``rule`` does not hold."""
    common = {
        "mostly": {"$PARAMETER": f"mostly_{rule.name}"},
        "severity": SEVERITY[rule.action],
        "meta": {RULE: rule.name},
        "notes": f"{rule.meaning[0].upper()}{rule.meaning[1:]}: {_cost(rule.action)}.",
    }
    return _expectation(rule, common)


@singledispatch
def _expectation(rule: Rule, common: dict[str, Any]) -> gxe.Expectation:
    raise NotImplementedError(type(rule).__name__)


@_expectation.register
def _(rule: Present, common: dict[str, Any]) -> gxe.Expectation:
    return gxe.ExpectColumnValuesToNotBeNull(column=rule.column, **common)


@_expectation.register
def _(rule: Readable, common: dict[str, Any]) -> gxe.Expectation:
    came = Column(rule.as_came).is_not_null()
    return gxe.ExpectColumnValuesToNotBeNull(column=rule.column, row_condition=came, **common)


@_expectation.register
def _(rule: Within, common: dict[str, Any]) -> gxe.Expectation:
    high = {"$PARAMETER": rule.high.name} if isinstance(rule.high, Bound) else rule.high
    return gxe.ExpectColumnValuesToBeBetween(
        column=rule.column, min_value=rule.low, max_value=high, strict_max=rule.below, **common
    )


@_expectation.register
def _(rule: Holds, common: dict[str, Any]) -> gxe.Expectation:
    return gxe.ExpectColumnValuesToBeInSet(column=rule.column, value_set=[True], **common)


def _cost(action: Action) -> str:
    costs: Mapping[Action, str] = {
        "quarantine": "the row goes to quarantine",
        "clear": "the row is kept without the value, which goes to quarantine",
        "note": "the row is kept",
    }
    return costs[action]


def suite(name: str) -> ExpectationSuite:
    """Make one of :data:`~rec_assets.validation.rules.SUITES`."""
    expectations = [expectation(rule) for rule in RULES if rule.suite == name]
    if name in NEVER_EMPTY:
        expectations.insert(0, gxe.ExpectTableRowCountToBeBetween(min_value=1, meta={RULE: "not_empty"}))
    return ExpectationSuite(name=name, expectations=expectations)


def parameters(table: str, screening: Screening, limits: Limits, share: float, judged: int) -> dict[str, Any]:
    """Give a checkpoint's parameters: the run's bounds, and how many good values make each rule pass.

    A rule may be broken by ``share`` of the table's *rows*, but Great Expectations counts against the values
    it judges, so each rule has a ``mostly`` of its own: ``1 - share * rows / judged rows``.

    Parameters
    ----------
    table
        Whose rules.
    screening
        The exact counts.
    limits
        The run's bounds.
    share
        ``validation.max_quarantined_share``.
    judged
        Rows that Great Expectations will see. Where they are a sample, four standard errors are allowed for,
        so that a suite contradicts the exact counts by chance about once in thirty thousand runs.
    """
    wanted: dict[str, Any] = dict(limits)
    for rule in (rule for rule in RULES if rule.table == table):
        seen = screening.rules[rule.name].judged
        allowed = share * screening.raw / seen if seen else 1.0
        if judged < screening.raw:
            drawn = max(1.0, seen * judged / screening.raw)
            allowed += _SAMPLING_ERRORS * math.sqrt(max(allowed, 1 / drawn) / drawn)
        rounding = 1e-12
        wanted[f"mostly_{rule.name}"] = 0.0 if rule.action == "note" else max(0.0, 1.0 - allowed - rounding)
    return wanted


def open_context(root: Path) -> Any:
    """Open the file context and bring its suites, definitions and checkpoints in line with the rules.

    Where they already agree no file is touched, so a run leaves the committed context as it is.
    """
    context = gx.get_context(mode="file", context_root_dir=root)
    source = (
        context.data_sources.get(DATASOURCE)
        if DATASOURCE in context.data_sources.all()
        else context.data_sources.add_pandas(DATASOURCE)
    )
    stored = {entry.name: entry for entry in context.suites.all()}
    for name in SUITES:
        if name not in stored:
            context.suites.add(suite(name))
        elif not _same(stored[name], suite(name)):
            context.suites.add_or_update(suite(name))
    definitions = {entry.name for entry in context.validation_definitions.all()}
    checkpoints = {entry.name for entry in context.checkpoints.all()}
    assets = {entry.name for entry in source.assets}
    for table in TABLES:
        if table not in assets:
            source.add_dataframe_asset(table).add_batch_definition_whole_dataframe(BATCH)
        rows = source.get_asset(table).get_batch_definition(BATCH)
        for name in suites_over(table):
            if name not in definitions:
                judged = gx.ValidationDefinition(name=name, data=rows, suite=context.suites.get(name))
                context.validation_definitions.add(judged)
        if table not in checkpoints:
            context.checkpoints.add(
                gx.Checkpoint(
                    name=table,
                    validation_definitions=[
                        context.validation_definitions.get(name) for name in suites_over(table)
                    ],
                    result_format="SUMMARY",
                )
            )
    return context


def suites_over(table: str) -> tuple[str, ...]:
    """Suites whose rules judge a table's rows."""
    return tuple(name for name in SUITES if any(rule.suite == name and rule.table == table for rule in RULES))


def _same(stored: ExpectationSuite, made: ExpectationSuite) -> bool:
    def plain(entry: ExpectationSuite) -> list[dict[str, Any]]:
        listed = [member.configuration.to_json_dict() for member in entry.expectations]
        return [{key: value for key, value in item.items() if key != "id"} for item in listed]

    return plain(stored) == plain(made)
