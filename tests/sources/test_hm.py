import json
from pathlib import Path

import pandas as pd
import pytest

from rec_assets.errors import TableError
from rec_assets.params import Params
from rec_assets.sources.stage import run
from rec_assets.workspace import Workspace

TRANSACTIONS = pd.DataFrame(
    {
        "t_dat": ["2020-01-01", "2020-01-01", "2020-01-02", "2020-01-02"],
        "customer_id": ["a1", "a1", "b2", "b2"],
        "article_id": [108775015, 108775015, 108775044, 1234567890],
        "price": [0.02, 0.02, 0.05, 0.1],
        "sales_channel_id": [2, 2, 1, 2],
    }
)
CUSTOMERS = pd.DataFrame({"customer_id": ["a1", "b2"], "FN": [1.0, None], "age": [24.0, None]})
ARTICLES = pd.DataFrame(
    {
        "article_id": [108775015, 108775044, 1234567890],
        "prod_name": ["Strap top", "Strap top", "Cosy, warm socks"],
        "product_type_name": ["Vest top", "Vest top", "Socks"],
        "colour_group_name": ["Black", "White", "Red"],
        "index_group_name": ["Ladieswear", "Ladieswear", "Menswear"],
    }
)


def read(workspace: Workspace, path: Path) -> dict[str, pd.DataFrame]:
    run(workspace, Params.model_validate({"source": {"kind": "hm", "path": str(path)}}))
    return {
        name: pd.read_parquet(workspace.raw / f"{name}.parquet")
        for name in ("transactions", "customers", "articles")
    }


def write(folder: Path, form: str, zeros: bool = False) -> Path:
    """Write the three tables as Parquet, or as Kaggle names its CSVs."""
    folder.mkdir()
    names = {"transactions": "transactions" if form == "parquet" else "transactions_train"}
    tables = {"transactions": TRANSACTIONS, "customers": CUSTOMERS, "articles": ARTICLES}
    for name, table in tables.items():
        frame = table
        if zeros and "article_id" in frame:
            frame = frame.assign(article_id=frame["article_id"].astype(str).str.zfill(10))
        target = folder / f"{names.get(name, name)}.{form}"
        frame.to_parquet(target) if form == "parquet" else frame.to_csv(target, index=False)
    return folder


@pytest.fixture
def expected(workspace: Workspace, tmp_path: Path) -> dict[str, pd.DataFrame]:
    return read(workspace, write(tmp_path / "expected", "parquet"))


def test_columns_are_mapped(expected: dict[str, pd.DataFrame]):
    transactions, customers, articles = (expected[name] for name in ("transactions", "customers", "articles"))
    assert transactions["sku"].tolist() == ["0108775015", "0108775015", "0108775044", "1234567890"]
    assert transactions["channel"].tolist() == ["online", "online", "store", "online"]
    assert transactions["timestamp"].dtype == "datetime64[us]"
    assert transactions.duplicated().sum() == 1  # two units of one top
    assert customers["fashion_news"].tolist() == ["yes", None]
    assert {"country", "gender"} <= set(customers)
    row = articles.iloc[0]
    assert (row["sku"], row["title"], row["category"]) == ("0108775015", "Strap top", "Vest top")
    assert (row["colour"], row["department"], row["available"]) == ("Black", "Ladieswear", True)


@pytest.mark.parametrize("form", ["parquet", "csv", "csv.gz"])
@pytest.mark.parametrize("zeros", [False, True])
def test_every_form_gives_the_same_tables(
    workspace: Workspace, tmp_path: Path, expected: dict[str, pd.DataFrame], form: str, zeros: bool
):
    tables = read(workspace, write(tmp_path / "files", form, zeros))
    for name, frame in expected.items():
        pd.testing.assert_frame_equal(tables[name], frame)


def test_article_ids_that_pandas_made_floats_are_the_same_articles(
    workspace: Workspace, tmp_path: Path, expected: dict[str, pd.DataFrame]
):
    folder = write(tmp_path / "files", "csv")
    gap = TRANSACTIONS.astype({"article_id": float})
    gap.loc[3, "article_id"] = None
    gap.to_csv(folder / "transactions_train.csv", index=False)
    skus = read(workspace, folder)["transactions"]["sku"].tolist()
    assert skus == [*expected["transactions"]["sku"][:3], None]


def test_a_byte_order_mark_changes_nothing(
    workspace: Workspace, tmp_path: Path, expected: dict[str, pd.DataFrame]
):
    folder = write(tmp_path / "files", "csv")
    for file in folder.iterdir():
        file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    tables = read(workspace, folder)
    for name, frame in expected.items():
        pd.testing.assert_frame_equal(tables[name], frame)


def test_price_and_channel_may_be_missing(workspace: Workspace, tmp_path: Path):
    folder = write(tmp_path / "files", "csv")
    bare = TRANSACTIONS.drop(columns=["price", "sales_channel_id"])
    bare.to_csv(folder / "transactions_train.csv", index=False)
    transactions = read(workspace, folder)["transactions"]
    assert len(transactions) == len(TRANSACTIONS)
    assert transactions[["price", "channel"]].isna().all().all()


def test_bad_files_are_named(workspace: Workspace, tmp_path: Path):
    folder = write(tmp_path / "files", "csv")
    ARTICLES.rename(columns={"prod_name": "name"}).to_csv(folder / "articles.csv", index=False)
    with pytest.raises(TableError, match=r"articles\.csv has no column 'prod_name' for 'title'"):
        read(workspace, folder)
    (folder / "articles.csv").write_bytes("article_id,prod_name\n1,Pèlerine\n".encode("latin-1"))
    with pytest.raises(TableError, match=r"articles\.csv is not utf-8: .* iconv -f cp1252"):
        read(workspace, folder)
    (folder / "articles.csv").write_text("article_id,prod_name\n")
    with pytest.raises(TableError, match=r"articles\.csv holds no rows"):
        read(workspace, folder)
    TRANSACTIONS.assign(t_dat="yesterday").to_csv(folder / "transactions_train.csv", index=False)
    with pytest.raises(TableError, match="none of the 4 values of column 't_dat' for 'timestamp' is a date"):
        read(workspace, folder)
    (folder / "transactions_train.csv").unlink()
    with pytest.raises(TableError, match=r"has no transactions\.parquet or .*transactions_train\.csv\.gz"):
        read(workspace, folder)


@pytest.mark.shared
def test_real_sample_is_kept_whole(workspace: Workspace, shared_data: Path):
    tables = read(workspace, shared_data / "hm")
    raw = pd.read_parquet(shared_data / "hm" / "transactions.parquet")
    transactions, articles = tables["transactions"], tables["articles"]
    assert (len(transactions), len(tables["customers"]), len(articles)) == (25_752, 1_081, 105_542)
    assert transactions.duplicated().sum() == raw.duplicated().sum() > 0
    assert transactions["price"].sum() == pytest.approx(raw["price"].sum())
    assert articles["sku"].str.fullmatch(r"\d{10}").all()
    assert articles["sku"].is_unique
    assert transactions["sku"].isin(articles["sku"]).all()
    assert articles["category"].notna().all()
    assert json.loads((workspace.raw / "source.json").read_text())["time"] == "date"


@pytest.mark.shared
def test_real_sample_as_kaggle_csv_equals_parquet(workspace: Workspace, tmp_path: Path, shared_data: Path):
    from_parquet = read(workspace, shared_data / "hm")
    folder = tmp_path / "kaggle"
    folder.mkdir()
    for name, target in (
        ("transactions", "transactions_train"),
        ("customers", "customers"),
        ("articles", "articles"),
    ):
        frame = pd.read_parquet(shared_data / "hm" / f"{name}.parquet")
        if "article_id" in frame:
            frame["article_id"] = frame["article_id"].astype(str).str.zfill(10)
        frame.head(30_000).to_csv(folder / f"{target}.csv", index=False)
    from_csv = read(workspace, folder)
    for name, frame in from_parquet.items():
        pd.testing.assert_frame_equal(from_csv[name], frame.head(30_000))
