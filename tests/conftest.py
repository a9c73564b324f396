"""Fixtures every room's tests share: a workspace, a tiny retailer, the research data."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rec_assets.files import write_json, write_table
from rec_assets.workspace import Workspace

PROJECT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Retailer:
    """Canonical tables of forty customers, thirty SKUs and a year of purchases."""

    transactions: pd.DataFrame
    customers: pd.DataFrame
    articles: pd.DataFrame


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """An empty workspace with the project's own parameters."""
    root = tmp_path / "shop"
    root.mkdir()
    shutil.copy(PROJECT / "params.yaml", root / "params.yaml")
    shutil.copytree(
        PROJECT / "great_expectations",
        root / "great_expectations",
        ignore=shutil.ignore_patterns("uncommitted"),
    )
    (root / "data" / "incoming").mkdir(parents=True)
    return Workspace(root)


@pytest.fixture(scope="session")
def retailer() -> Retailer:
    """Seeded purchases: each customer prefers one category and one price level."""
    random = np.random.default_rng(7)
    categories = np.array(["Trousers", "Belts", "Coats", "Dresses", "Knitwear"])
    colours = np.array(["black", "white", "red"])
    skus = [f"SKU{i:04d}" for i in range(30)]
    articles = pd.DataFrame(
        {
            "sku": skus,
            "title": [f"{colours[i % 3].title()} {categories[i % 5].lower()} no. {i}" for i in range(30)],
            "description": [f"Soft {categories[i % 5].lower()} in {colours[i % 3]}." for i in range(30)],
            "category": [categories[i % 5] for i in range(30)],
            "colour": [colours[i % 3] for i in range(30)],
            "department": ["women" if i % 2 else "men" for i in range(30)],
            "introduced": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(30) * 9, unit="D"),
            "available": [True] * 30,
        }
    )
    customers = pd.DataFrame(
        {
            "customer_id": [f"C{i:03d}" for i in range(40)],
            "age": [None if i % 10 == 0 else float(18 + i) for i in range(40)],
            "country": [None if i % 7 == 0 else ["NL", "FR", "IT"][i % 3] for i in range(40)],
            "gender": [["female", "male"][i % 2] for i in range(40)],
        }
    )
    rows = []
    for c in range(40):
        for _ in range(int(random.integers(3, 15))):
            day = int(random.integers(0, 364))
            known = [i for i in range(30) if i * 9 <= day]
            liked = [i for i in known if i % 5 == c % 5] or known
            i = int(random.choice(liked if random.random() < 0.7 else known))
            price = round(10 + (i % 5) * 15 + random.random() * 5, 2)
            rows.append((f"C{c:03d}", skus[i], pd.Timestamp("2024-01-01") + pd.Timedelta(days=day), price))
    transactions = pd.DataFrame(rows, columns=["customer_id", "sku", "timestamp", "price"])
    transactions["channel"] = np.where(random.random(len(rows)) < 0.6, "online", "store")
    transactions = transactions.sort_values(["timestamp", "customer_id", "sku"], ignore_index=True)
    for frame, column in ((transactions, "timestamp"), (articles, "introduced")):
        frame[column] = frame[column].astype("datetime64[us]")
    return Retailer(transactions, customers, articles)


@pytest.fixture
def validated_workspace(workspace: Workspace, retailer: Retailer) -> Workspace:
    """A workspace whose validated tables are the tiny retailer's."""
    for folder in (workspace.raw, workspace.validated):
        write_table(retailer.transactions, folder / "transactions.parquet")
        write_table(retailer.customers, folder / "customers.parquet")
        write_table(retailer.articles, folder / "articles.parquet")
    workspace.truth.mkdir()
    write_json({"kind": "table", "time": "date"}, workspace.raw / "source.json")
    return workspace


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The research data; a test that asks for it skips where it is absent."""
    folder = Path(os.environ.get("COUTURIER_SHARED", PROJECT.parent / "shared")) / "data"
    if not folder.exists():
        pytest.skip(f"research data not found at {folder}; set COUTURIER_SHARED")
    return folder
