"""Raw tables with flaws, and the two ways to check them: DuckDB alone, or the whole stage."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from rec_assets.files import write_json, write_table
from rec_assets.validation import stage
from rec_assets.validation.screening import Screening, screen, write_cleared
from rec_assets.validation.staging import engine, stage_tables
from rec_assets.workspace import Workspace

LIMITS = {"max_price": 1000.0, "tomorrow": "2025-01-01T00:00:00"}

Tables = dict[str, pd.DataFrame]


@pytest.fixture
def tables(retailer) -> Tables:
    """The tiny retailer's tables, free to be spoilt."""
    return {
        "transactions": retailer.transactions.copy(),
        "customers": retailer.customers.copy(),
        "articles": retailer.articles.copy(),
    }


@pytest.fixture
def write_raw(workspace: Workspace) -> Callable[[Tables], Workspace]:
    """Write tables as the raw data of the workspace."""

    def write(tables: Tables, **source: object) -> Workspace:
        for name, frame in tables.items():
            write_table(frame, workspace.raw / f"{name}.parquet")
        write_json(
            {"kind": "table", "time": "date", "snapshot": None, **source}, workspace.raw / "source.json"
        )
        return workspace

    return write


@pytest.fixture
def screened(tmp_path: Path) -> Callable[[Tables], tuple[dict[str, Screening], Tables, Tables]]:
    """Screen tables with DuckDB alone; give the counts, the validated tables and the quarantine."""

    def run(tables: Tables) -> tuple[dict[str, Screening], Tables, Tables]:
        raw, good, bad = (tmp_path / name for name in ("raw", "validated", "quarantine"))
        for folder in (good, bad):
            folder.mkdir(exist_ok=True)
        for name, frame in tables.items():
            write_table(frame, raw / f"{name}.parquet")
        with engine(tmp_path) as connection:
            names = stage_tables(connection, raw, LIMITS)
            counts = {name: screen(connection, name, names[name], LIMITS, good, bad) for name in names}
            write_cleared(connection, LIMITS, bad)
        return (
            counts,
            {file.stem: pd.read_parquet(file) for file in good.iterdir()},
            {file.stem: pd.read_parquet(file) for file in bad.iterdir()},
        )

    return run


@pytest.fixture
def on_last_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretend that today is the last day of the tiny retailer's year."""
    monkeypatch.setattr(stage, "today", lambda: date(2024, 12, 31))
