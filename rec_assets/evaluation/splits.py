"""Stage ``splits``: purchases to train on, to stop by, and to judge by.

By time, ``train < validation_start <= validation < as_of <= test < test_end``; what follows ``test_end`` is
dropped and counted. Leave-one-out holds back each customer's last purchase as test and the one before it as
validation; customers with fewer than three purchases are trained on only.
"""

from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import ibis
import pandas as pd

from rec_assets.columns import CUSTOMER, TIMESTAMP
from rec_assets.engine import FILE_ROW, engine, scan, write_expression
from rec_assets.errors import ParamsError, TableError
from rec_assets.files import atomic_folder, read_json, write_json
from rec_assets.params import Params, Splits
from rec_assets.pipeline import Check, StageReport
from rec_assets.workspace import Workspace

NAMES = ("train", "validation", "test")
LEAST_PURCHASES = 3  # leave-one-out: something to train on, one to stop by, one to judge by


def run(workspace: Workspace, params: Params) -> StageReport:
    """Write the three splits and ``windows.json``, and check on the written files that nothing leaks.

    Raises
    ------
    ParamsError
        When splits by time are asked of a source that knows only the order of purchases, or a window reaches
        beyond the calendar.
    TableError
        When a split would be empty.
    """
    section = params.splits
    source_time = read_json(workspace.raw / "source.json")["time"]
    if section.strategy == "time" and source_time == "order":
        raise ParamsError(
            "splits.strategy is time, but this source tells only the order of a customer's purchases.",
            "Set splits.strategy: leave_one_out in params.yaml.",
        )
    with engine() as connection:
        purchases = scan(connection, workspace.validated / "transactions.parquet")
        _refuse_undated(purchases)
        windows = _windows(purchases, section)
        chosen = by_time(purchases, windows) if section.strategy == "time" else leave_one_out(purchases)
        with atomic_folder(workspace.splits) as folder:
            rows, customers = _write(connection, chosen, folder)
            rows["dropped"] = int(purchases.count().to_pandas()) - sum(rows.values())
            _refuse_empty(rows, purchases, windows, section)
            record = {**windows, "time": source_time, "rows": rows, "customers": customers}
            write_json(record, folder / "windows.json")
        check = _no_leakage(connection, workspace.splits, windows)
    return StageReport(
        summary=_summary(record),
        rows=rows,
        tables={
            "splits": pd.DataFrame(
                {"split": NAMES, "rows": [rows[n] for n in NAMES], "customers": [customers[n] for n in NAMES]}
            )
        },
        checks=(check,),
    )


def by_time(purchases: Any, windows: dict[str, Any]) -> dict[str, Any]:
    """Cut purchases at the windows' dates (Ibis table in, one Ibis table per split out)."""
    moment = purchases[TIMESTAMP]
    validation_start, as_of, test_end = (
        ibis.literal(datetime.fromisoformat(windows[name]))
        for name in ("validation_start", "as_of", "test_end")
    )
    return {
        "train": purchases.filter(moment < validation_start),
        "validation": purchases.filter(moment >= validation_start, moment < as_of),
        "test": purchases.filter(moment >= as_of, moment < test_end),
    }


def leave_one_out(purchases: Any) -> dict[str, Any]:
    """Hold back each customer's last two purchases; ties in time keep the order of the file."""
    own = ibis.window(group_by=CUSTOMER)
    newest_first = ibis.window(group_by=CUSTOMER, order_by=[ibis.desc(TIMESTAMP), ibis.desc(FILE_ROW)])
    ranked = purchases.mutate(
        from_newest=ibis.row_number().over(newest_first), owned=ibis._.count().over(own)
    )
    long = ranked.owned >= LEAST_PURCHASES
    return {
        "train": ranked.filter((ranked.from_newest >= 2) | ~long).drop("from_newest", "owned"),
        "validation": ranked.filter(long & (ranked.from_newest == 1)).drop("from_newest", "owned"),
        "test": ranked.filter(long & (ranked.from_newest == 0)).drop("from_newest", "owned"),
    }


def _refuse_undated(purchases: Any) -> None:
    counts = purchases.aggregate(rows=purchases.count(), dated=purchases[TIMESTAMP].count()).to_pandas()
    rows, dated = int(counts["rows"].item()), int(counts["dated"].item())
    if rows == 0 or dated < rows:
        raise TableError(
            f"data/validated/transactions.parquet: {dated:,} of {rows:,} purchases have a {TIMESTAMP}.",
            "Look into data/quarantine for the rows set aside, mend the source, and run again from raw_data.",
        )


def _windows(purchases: Any, section: Splits) -> dict[str, Any]:
    if section.strategy == "leave_one_out":
        return {"strategy": "leave_one_out", "as_of": None, "validation_start": None, "test_end": None}
    _, last = _span(purchases)
    try:
        as_of = section.as_of or last - timedelta(days=section.test_days - 1)
        bounds = {
            "validation_start": (as_of - timedelta(days=section.validation_days)).isoformat(),
            "test_end": (as_of + timedelta(days=section.test_days)).isoformat(),
        }
    except OverflowError as error:
        raise ParamsError(
            f"splits.validation_days ({section.validation_days:,}) or splits.test_days "
            f"({section.test_days:,}) reaches beyond the calendar's years 1 to 9999.",
            f"Lower it in params.yaml: the purchases end on {last}.",
        ) from error
    return {"strategy": "time", "as_of": as_of.isoformat(), **bounds}


def _span(purchases: Any) -> tuple[date, date]:
    """First and last day of purchase."""
    bounds = purchases.aggregate(
        first=purchases[TIMESTAMP].min(), last=purchases[TIMESTAMP].max()
    ).to_pandas()
    first, last = bounds["first"].item(), bounds["last"].item()
    if pd.isna(last):
        raise TableError(
            "data/validated/transactions.parquet holds no dated purchase.",
            "Look into data/quarantine for the rows set aside, and mend the source.",
        )
    return pd.Timestamp(first).date(), pd.Timestamp(last).date()


def _write(connection: Any, chosen: dict[str, Any], folder: Path) -> tuple[dict[str, int], dict[str, int]]:
    rows, customers = {}, {}
    for name in NAMES:
        ordered = chosen[name].order_by([TIMESTAMP, FILE_ROW]).drop(FILE_ROW)
        rows[name] = write_expression(connection, ordered, folder / f"{name}.parquet")
        customers[name] = int(scan(connection, folder / f"{name}.parquet")[CUSTOMER].nunique().to_pandas())
    return rows, customers


def _refuse_empty(rows: dict[str, int], purchases: Any, windows: dict[str, Any], section: Splits) -> None:
    empty = [name for name in NAMES if rows[name] == 0]
    if not empty:
        return
    first, last = _span(purchases)
    found = f"{sum(rows.values()):,} purchases from {first} to {last}"
    if section.strategy == "leave_one_out":
        raise TableError(
            f"No customer has {LEAST_PURCHASES} purchases ({found}), so nothing can be held out.",
            "Bring more history.",
        )
    raise TableError(
        f"The purchases are too short for these windows: no rows for {', '.join(empty)} ({found}; validation "
        f"from {windows['validation_start']}, test from {windows['as_of']} to before {windows['test_end']}).",
        "Lower splits.validation_days and splits.test_days, or set splits.as_of to a day inside the data, "
        "in params.yaml.",
    )


def _no_leakage(connection: Any, folder: Path, windows: dict[str, Any]) -> Check:
    """Read the written files again and hold them against the windows."""
    train, validation, test = (scan(connection, folder / f"{name}.parquet") for name in NAMES)
    if windows["strategy"] == "leave_one_out":
        return _no_leakage_per_customer(train, validation, test)
    bounds = {
        "train": (date.min.isoformat(), windows["validation_start"]),
        "validation": (windows["validation_start"], windows["as_of"]),
        "test": (windows["as_of"], windows["test_end"]),
    }
    outside: dict[str, int] = {}
    spans = []
    for name, table in zip(NAMES, (train, validation, test), strict=True):
        start, end = (datetime.combine(date.fromisoformat(day), time()) for day in bounds[name])
        moment = table[TIMESTAMP]
        outside[name] = int(table.filter((moment < start) | (moment >= end)).count().to_pandas())
        first, last = _span(table)
        spans.append(f"{name} {first} to {last}")
    return Check(
        name="no_leakage",
        passed=sum(outside.values()) == 0,
        description=f"{'; '.join(spans)}; rows outside their window: {sum(outside.values())}.",
        metadata={f"{name}_rows_outside": count for name, count in outside.items()},
    )


def _no_leakage_per_customer(train: Any, validation: Any, test: Any) -> Check:
    known = train.group_by(CUSTOMER).aggregate(trained_until=train[TIMESTAMP].max())
    stopped = validation.group_by(CUSTOMER).aggregate(
        validated_at=validation[TIMESTAMP].min(), validated=ibis._.count()
    )
    judged = test.group_by(CUSTOMER).aggregate(tested_at=test[TIMESTAMP].min(), tested=ibis._.count())
    joined = judged.left_join(stopped, CUSTOMER).drop(f"{CUSTOMER}_right").left_join(known, CUSTOMER)
    sound = (
        (joined.trained_until <= joined.validated_at)
        & (joined.validated_at <= joined.tested_at)
        & (joined.validated == 1)
        & (joined.tested == 1)
    )
    customers = int(joined.count().to_pandas())
    leaking = customers - int(joined.filter(sound).count().to_pandas())
    return Check(
        name="no_leakage",
        passed=leaking == 0,
        description=f"Last purchase held out for {customers:,} customers; {leaking:,} of them out of order.",
        metadata={"customers": customers, "customers_out_of_order": leaking},
    )


def _summary(record: dict[str, Any]) -> str:
    rows = record["rows"]
    counts = f"{rows['train']:,} train, {rows['validation']:,} validation, {rows['test']:,} test purchases"
    if record["strategy"] == "leave_one_out":
        return f"{counts}; each customer's last purchase is the test."
    return f"{counts}; as of {record['as_of']}, {rows['dropped']:,} later than the test window."
