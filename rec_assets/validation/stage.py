"""The stage ``validated_data``."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone

import pandas as pd
from tqdm import tqdm

from rec_assets import columns as c
from rec_assets.files import atomic_folder, write_json
from rec_assets.params import Params
from rec_assets.pipeline import Check, StageReport
from rec_assets.validation import snapshots
from rec_assets.validation.judgement import Judgement, judge
from rec_assets.validation.kinds import Limits
from rec_assets.validation.rules import RULES, SUITES, TABLES, rules_of
from rec_assets.validation.screening import Screening, screen, write_cleared
from rec_assets.validation.staging import engine, stage_tables
from rec_assets.validation.suites import NEVER_EMPTY
from rec_assets.workspace import Workspace

_DOCS = "Data docs"


def today() -> date:
    """Give the date where the day is furthest on, so that no shop's purchase of today is in the future."""
    return datetime.now(UTC).astimezone(timezone(timedelta(hours=14))).date()


def run(workspace: Workspace, params: Params) -> StageReport:
    """Check ``data/raw``; write ``data/validated``, ``data/quarantine`` and ``data/reports/validation.json``.

    Raises
    ------
    TableError
        When a raw table is missing, is no Parquet, or lacks a required column.
    """
    now = today()
    limits: Limits = {
        "max_price": params.validation.max_price,
        "tomorrow": f"{now + timedelta(days=1)}T00:00:00",
    }
    share = params.validation.max_quarantined_share
    with (
        engine(workspace.data) as connection,
        tqdm(total=len(TABLES) + 3, desc="validation", unit="step") as progress,
    ):
        names = stage_tables(connection, workspace.raw, limits)
        progress.update()
        screenings: dict[str, Screening] = {}
        with (
            atomic_folder(workspace.validated) as validated,
            atomic_folder(workspace.quarantine) as quarantine,
        ):
            for table in TABLES:
                progress.set_postfix_str(table)
                screenings[table] = screen(connection, table, names[table], limits, validated, quarantine)
                progress.update()
            cleared = write_cleared(connection, limits, quarantine)
            progress.update()
        progress.set_postfix_str("data docs")
        judgement = judge(connection, workspace.expectations, screenings, limits, share)
        progress.update()
    write_json(_summary(screenings, judgement, cleared), workspace.reports / "validation.json")
    checks = [_suite_check(name, screenings, judgement, share) for name in SUITES]
    snapshot = snapshots.describe(workspace.raw, params.source, screenings)
    history = snapshots.SnapshotHistory(workspace.registry / "snapshots.json")
    checks.append(_volume_check(snapshot, history.predecessor(snapshot), params, now))
    history.record(snapshot, accepted=all(check.passed for check in checks))
    return _report(screenings, judgement, cleared, checks)


def _suite_check(name: str, screenings: Mapping[str, Screening], judgement: Judgement, share: float) -> Check:
    table = "transactions" if name == "references" else name
    screening = screenings[table]
    broken = {rule.name: screening.rules[rule.name].broken for rule in RULES if rule.suite == name}
    problems = [
        f"{rule.meaning} in {broken[rule.name]} of {screening.raw} {table}"
        for rule in RULES
        if rule.suite == name and rule.action != "note" and broken[rule.name] > share * screening.raw
    ]
    if name in NEVER_EMPTY and not screening.validated:
        problems.insert(0, f"{table} has {screening.raw} rows, none of them good. Check the retailer's file")
    if name == table and screening.quarantined_share > share:
        problems.append(
            f"{screening.quarantined} of {screening.raw} {table} are in quarantine "
            f"({screening.quarantined_share:.1%})"
        )
    if not judgement.success[name] and not problems:
        problems.append(f"the suite {name} failed on {judgement.judged[table]} rows; see the data docs")
    description = f"{screening.raw} rows, {sum(broken.values())} broken expectations."
    if problems:
        description = (
            f"{'; '.join(problems)}. Mend the rows in data/quarantine/, or raise "
            f"validation.max_quarantined_share ({share:.1%}) if they may be left out."
        )
    return Check(
        name="references" if name == "references" else f"{name}_suite",
        passed=not problems,
        description=description,
        metadata={
            "raw": screening.raw,
            "validated": screening.validated,
            "quarantined": screening.quarantined,
            "rows judged by Great Expectations": judgement.judged[table],
            **broken,
        },
    )


def _volume_check(
    snapshot: snapshots.Snapshot, previous: snapshots.Snapshot | None, params: Params, now: date
) -> Check:
    found, ratios = snapshots.complaints(snapshot, previous, params.validation, now)
    if found:
        description = "; ".join(found)
    elif previous:
        description = "Volume and freshness fit the previous snapshot."
    else:
        description = "The first snapshot of this retailer: nothing to compare with."
    return Check(
        name="volume_and_freshness",
        passed=not found,
        description=description,
        metadata={
            "newest purchase": snapshot.newest or "not timed",
            "previous snapshot": (previous.name or previous.content[:12]) if previous else "none",
            **{f"{table} ratio": ratio for table, ratio in ratios.items()},
        },
    )


def _summary(screenings: Mapping[str, Screening], judgement: Judgement, cleared: int) -> dict[str, object]:
    """Fill ``validation.json``: nothing in it depends on the clock or on earlier snapshots."""
    tables = {
        table: {
            "raw": screening.raw,
            "validated": screening.validated,
            "quarantined": screening.quarantined,
            "quarantined_share": screening.quarantined_share,
            "broken": {rule.name: screening.rules[rule.name].broken for rule in rules_of(table)},
        }
        for table, screening in screenings.items()
    }
    return {**tables, "rows_kept_without_an_attribute": cleared, "suites": dict(judgement.success)}


def _report(
    screenings: Mapping[str, Screening], judgement: Judgement, cleared: int, checks: list[Check]
) -> StageReport:
    rows = {table: screening.validated for table, screening in screenings.items()}
    rows |= {f"{table} in quarantine": screening.quarantined for table, screening in screenings.items()}
    outcomes = pd.DataFrame(
        [
            {
                c.TABLE: rule.table,
                c.EXPECTATION: rule.name,
                "action": rule.action,
                "judged": screenings[rule.table].rules[rule.name].judged,
                "broken": screenings[rule.table].rules[rule.name].broken,
            }
            for rule in RULES
        ]
    )
    aside = sum(screening.quarantined for screening in screenings.values())
    return StageReport(
        summary=f"{sum(s.validated for s in screenings.values())} good rows kept, {aside} in quarantine, "
        f"{cleared} kept without an attribute.",
        rows=rows,
        metrics={f"{table} quarantined share": s.quarantined_share for table, s in screenings.items()},
        tables={"Expectations": outcomes},
        links={_DOCS: judgement.docs.as_uri()},
        checks=checks,
    )
