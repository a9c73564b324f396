import gzip
import json
import time
from typing import Any

import pandas as pd
import pytest
from pydantic import ValidationError

from rec_assets.errors import CouturierError, ParamsError, TableError
from rec_assets.params import Params
from rec_assets.sources.stage import run
from rec_assets.workspace import Workspace

SALES = (
    "buyer,item,day,paid\n00123,007,2025-01-02,19.95\n00123,008,2025-01-03 10:30:00,5\n9,007,2025-01-04,\n"
)
STOCK = "item,name,group\n007,Wool scarf,Scarves\n008,Linen shirt,Shirts\n"
TRANSACTION_COLUMNS = {"customer_id": "buyer", "sku": "item", "timestamp": "day", "price": "paid"}
ARTICLE_COLUMNS = {"sku": "item", "title": "name", "category": "group"}


class Shop:
    """A workspace whose incoming files a test writes and whose mapping it may change."""

    def __init__(self, workspace: Workspace):
        self.workspace = workspace
        self.folder = workspace.data / "incoming"
        self.tables: dict[str, Any] = {
            "transactions": {"file": "sales.csv", "columns": dict(TRANSACTION_COLUMNS)},
            "articles": {"file": "stock.csv", "columns": dict(ARTICLE_COLUMNS)},
        }
        self.write("sales.csv", SALES)
        self.write("stock.csv", STOCK)

    def write(self, name: str, content: str | bytes) -> None:
        (self.folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())

    def read(self) -> dict[str, pd.DataFrame]:
        source = {"kind": "table", "tables": self.tables}
        run(self.workspace, Params.model_validate({"source": source}))
        return {
            name: pd.read_parquet(self.workspace.raw / f"{name}.parquet")
            for name in ("transactions", "customers", "articles")
        }


@pytest.fixture
def shop(workspace: Workspace) -> Shop:
    return Shop(workspace)


def test_mapped_files_become_canonical_tables(shop: Shop):
    tables = shop.read()
    transactions = tables["transactions"]
    assert list(transactions) == ["customer_id", "sku", "timestamp", "price", "channel"]
    assert transactions["customer_id"].tolist() == ["00123", "00123", "9"]
    assert transactions["sku"].tolist() == ["007", "008", "007"]
    assert transactions["timestamp"].dtype == "datetime64[us]"
    assert transactions["timestamp"][1] == pd.Timestamp("2025-01-03 10:30")
    assert transactions["price"].tolist()[:2] == [19.95, 5.0]
    assert transactions["price"].isna().tolist() == [False, False, True]
    assert transactions["channel"].isna().all()
    articles = tables["articles"]
    assert articles["title"].tolist() == ["Wool scarf", "Linen shirt"]
    assert articles["available"].tolist() == [True, True]
    assert {"description", "colour", "department", "introduced"} <= set(articles)


def test_customers_without_a_file_are_those_who_bought(shop: Shop):
    customers = shop.read()["customers"]
    assert customers["customer_id"].tolist() == ["00123", "9"]
    assert customers[["age", "country", "gender"]].isna().all().all()


def test_customers_file_keeps_extra_attributes_as_text(shop: Shop):
    shop.write("people.csv", "id,years,tier\n00123,41,2\n9,,1\n")
    shop.tables["customers"] = {
        "file": "people.csv",
        "columns": {"customer_id": "id", "age": "years", "loyalty": "tier"},
    }
    customers = shop.read()["customers"]
    assert customers["age"].tolist()[0] == 41.0
    assert customers["loyalty"].tolist() == ["2", "1"]


def test_source_record_has_hashes_rows_and_no_absolute_path(shop: Shop):
    shop.read()
    written = (shop.workspace.raw / "source.json").read_text()
    record = json.loads(written)
    assert record["rows"] == {"transactions": 3, "customers": 2, "articles": 2}
    assert set(record["files"]) == {"sales.csv", "stock.csv"}
    assert record["path"] == "data/incoming"
    assert str(shop.workspace.root) not in written
    assert (shop.workspace.truth / ".keep").exists()


def test_newest_snapshot_is_read_and_named(shop: Shop):
    for name, content in (("2025-01-01", SALES), ("2025-02-01", SALES + "10,008,2025-01-31,7\n")):
        (shop.folder / name).mkdir()
        shop.write(f"{name}/sales.csv", content)
        shop.write(f"{name}/stock.csv", STOCK)
    (shop.folder / "sales.csv").unlink()
    (shop.folder / "stock.csv").unlink()
    assert len(shop.read()["transactions"]) == 4
    assert json.loads((shop.workspace.raw / "source.json").read_text())["snapshot"] == "2025-02-01"


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_delimiter_is_found(shop: Shop, delimiter: str):
    shop.write("sales.csv", SALES.replace(",", delimiter))
    assert shop.read()["transactions"]["price"].tolist()[:2] == [19.95, 5.0]


def test_csv_gzip_and_parquet_give_equal_tables(shop: Shop):
    from_csv = shop.read()["transactions"]
    (shop.folder / "sales.csv.gz").write_bytes(gzip.compress(SALES.encode()))
    shop.tables["transactions"]["file"] = "sales.csv.gz"
    pd.testing.assert_frame_equal(shop.read()["transactions"], from_csv)
    frame = pd.DataFrame(
        {
            "buyer": ["00123", "00123", "9"],
            "item": ["007", "008", "007"],
            "day": pd.to_datetime(["2025-01-02", "2025-01-03 10:30", "2025-01-04"], format="ISO8601"),
            "paid": [19.95, 5, None],
        }
    )
    frame.to_parquet(shop.folder / "sales.parquet")
    shop.tables["transactions"]["file"] = "sales.parquet"
    pd.testing.assert_frame_equal(shop.read()["transactions"], from_csv)


def test_numeric_ids_of_parquet_do_not_become_fractions(shop: Shop):
    pd.DataFrame(
        {"buyer": [1.0, None, 3.0], "item": [7, 8, 9], "day": ["2025-01-02"] * 3, "paid": [1, 2, 3]}
    ).to_parquet(shop.folder / "sales.parquet")
    shop.tables["transactions"]["file"] = "sales.parquet"
    transactions = shop.read()["transactions"]
    assert transactions["customer_id"].tolist() == ["1", None, "3"]
    assert transactions["sku"].tolist() == ["7", "8", "9"]


def test_european_dates_and_decimals(shop: Shop):
    shop.write("sales.csv", "buyer;item;day;paid\n1;7;31/12/2024;1234,5\n2;7;01/02/2025;3\n")
    shop.tables["transactions"] |= {"date_format": "%d/%m/%Y", "decimal": ","}
    transactions = shop.read()["transactions"]
    assert transactions["timestamp"].tolist() == [pd.Timestamp("2024-12-31"), pd.Timestamp("2025-02-01")]
    assert transactions["price"].tolist() == [1234.5, 3.0]


def test_unix_times(shop: Shop):
    shop.write("sales.csv", "buyer,item,day,paid\n1,7,1735689600,3\n2,7,soon,3\n")
    shop.tables["transactions"]["date_format"] = "unix"
    assert shop.read()["transactions"]["timestamp"].tolist() == ["2025-01-01 00:00:00", "soon"]


@pytest.mark.parametrize("date_format", ["unix", "days"])
@pytest.mark.parametrize("beyond", ["1735689600000000", "1e300", "1e307", "-1e300", "inf"])
def test_a_number_beyond_the_calendar_is_no_date(shop: Shop, date_format: str, beyond: str):
    shop.write("sales.csv", f"buyer,item,day,paid\n1,7,86400,3\n2,7,{beyond},3\n3,7,nan,3\n")
    shop.tables["transactions"]["date_format"] = date_format
    first, second, third = shop.read()["transactions"]["timestamp"].tolist()
    assert first == ("1970-01-02 00:00:00" if date_format == "unix" else "2206-07-23 00:00:00")
    assert second == beyond
    assert third is None
    shop.write("sales.csv", f"buyer,item,day,paid\n2,7,{beyond},3\n")
    with pytest.raises(TableError, match="none of the 1 values of column 'day' for 'timestamp' is a date"):
        shop.read()


@pytest.mark.parametrize(
    ("date_format", "written"),
    [
        (None, ["2025-01-02T10:00:00+02:00", "2025-01-02T03:00:00-05:00", "2025-01-02 08:00:00"]),
        ("%Y-%m-%dT%H:%M:%S%z", ["2025-01-02T10:00:00+0200"] * 3),
    ],
)
def test_times_with_an_offset_become_utc(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, date_format: str | None, written: list[str]
):
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    shop.write("sales.csv", "buyer,item,day,paid\n" + "".join(f"1,7,{day},3\n" for day in written))
    shop.tables["transactions"]["date_format"] = date_format
    transactions = shop.read()["transactions"]
    monkeypatch.undo()
    time.tzset()
    assert transactions["timestamp"].tolist() == [pd.Timestamp("2025-01-02 08:00")] * 3


def test_thousands_are_read(shop: Shop):
    shop.write("sales.csv", "buyer;item;day;paid\n" + "1;7;2025-01-02;1.234\n1;7;2025-01-02;-1.234.567,5\n")
    shop.tables["transactions"]["decimal"] = ","
    assert shop.read()["transactions"]["price"].tolist() == [1234.0, -1234567.5]
    shop.write("sales.csv", "buyer;item;day;paid\n" + "1;7;2025-01-02;1,234.50\n1;7;2025-01-02;1,234\n")
    shop.tables["transactions"]["decimal"] = "."
    assert shop.read()["transactions"]["price"].tolist() == [1234.5, 1234.0]


@pytest.mark.parametrize(
    ("decimal", "written"), [(",", "1.5"), (",", "1.23,4"), (".", "1,5"), (".", "1,2345")]
)
def test_the_other_mark_parts_nothing_but_thousands(shop: Shop, decimal: str, written: str):
    shop.write("sales.csv", f"buyer;item;day;paid\n1;7;2025-01-02;3\n1;7;2025-01-02;{written}\n")
    shop.tables["transactions"]["decimal"] = decimal
    assert shop.read()["transactions"]["price"].tolist() == ["3.0", written]


def test_markers_of_a_missing_value_are_missing(shop: Shop):
    shop.write(
        "sales.csv", "buyer,item,day,paid\nNULL,007,2025-01-02,NULL\nnan,008,n/a, \n9,007,2025-01-04,\n"
    )
    shop.write("people.csv", "id,land,club\n9,NULL, nan \n10,NA,none\n")
    shop.tables["customers"] = {
        "file": "people.csv",
        "columns": {"customer_id": "id", "country": "land", "club": "club"},
    }
    tables = shop.read()
    assert tables["transactions"]["customer_id"].tolist() == [None, None, "9"]
    assert tables["transactions"]["timestamp"].isna().tolist() == [False, True, False]
    assert tables["transactions"]["price"].isna().all()
    assert tables["customers"]["country"].tolist() == [None, "NA"]
    assert tables["customers"]["club"].tolist() == [None, "none"]


def test_the_markers_of_a_missing_value_are_the_users(shop: Shop):
    shop.write("sales.csv", "buyer,item,day,paid\nNULL,007,2025-01-02,it's free\n-,008,2025-01-03,5\n")
    shop.tables["transactions"]["missing"] = ["-", "it's free"]
    transactions = shop.read()["transactions"]
    assert transactions["customer_id"].tolist() == ["NULL", None]
    assert transactions["price"].isna().tolist() == [True, False]


@pytest.mark.parametrize("name", ["file_row_number", "File_Row_Number", "couturier_kept_row"])
def test_an_attribute_cannot_take_a_name_of_couturiers_own(shop: Shop, name: str):
    shop.tables["articles"]["columns"][name] = "group"
    with pytest.raises(ValidationError, match=f"'{name}' is a name Couturier uses itself"):
        shop.read()


def test_cells_of_the_wrong_type_stay_as_text_for_validation(shop: Shop):
    shop.write("sales.csv", SALES + "9,008,someday,free\n9,008,2025-01-06,1e999\n")
    transactions = shop.read()["transactions"]
    assert len(transactions) == 5
    assert transactions["timestamp"].tolist()[0] == "2025-01-02 00:00:00"
    assert transactions["timestamp"].tolist()[3] == "someday"
    assert transactions["price"].tolist() == ["19.95", "5.0", None, "free", "1e999"]


def test_titles_with_markup_emoji_and_5000_characters_survive(shop: Shop):
    titles = ['<b>Coat</b> & "belt"', "Sock 🧦\nsecond line", "x" * 5000, "### SKU: <sku_7>"]
    frame = pd.DataFrame({"item": ["1", "2", "3", "4"], "name": titles, "group": "Coats"})
    frame.to_csv(shop.folder / "stock.csv", index=False)
    assert shop.read()["articles"]["title"].tolist() == titles


def test_column_names_may_differ_in_case_only(shop: Shop):
    shop.write("stock.csv", "item,Item,name,group\n007,x,Scarf,Scarves\n")
    assert shop.read()["articles"]["sku"].tolist() == ["007"]


def test_byte_order_mark_is_no_part_of_the_first_column(shop: Shop):
    shop.write("sales.csv", b"\xef\xbb\xbf" + SALES.encode())
    assert len(shop.read()["transactions"]) == 3


def test_missing_file_lists_what_is_there(shop: Shop):
    (shop.folder / "stock.csv").unlink()
    with pytest.raises(TableError, match=r"has no stock\.csv\. Files found: sales\.csv"):
        shop.read()


def test_missing_column_names_the_columns_found_and_the_key(shop: Shop):
    shop.tables["transactions"]["columns"]["sku"] = "article_id"
    with pytest.raises(TableError) as caught:
        shop.read()
    assert str(caught.value) == (
        "sales.csv has no column 'article_id' for 'sku'. Columns found: buyer, item, day, paid. "
        "Map it under source.tables.transactions.columns.sku in params.yaml."
    )


def test_unmapped_required_column_and_missing_mapping(shop: Shop):
    del shop.tables["articles"]["columns"]["title"]
    with pytest.raises(ParamsError, match="does not say which column is 'title'"):
        shop.read()
    with pytest.raises(ParamsError, match=r"source\.tables in params\.yaml is empty"):
        run(shop.workspace, Params.model_validate({"source": {"kind": "table"}}))


def test_a_column_of_another_type_altogether_stops_with_an_example(shop: Shop):
    shop.tables["transactions"]["columns"]["timestamp"] = "paid"
    with pytest.raises(TableError, match=r"none of the 2 values of column 'paid' for 'timestamp' is a date"):
        shop.read()


@pytest.mark.parametrize("content", ["", "buyer,item,day,paid\n", "buyer,item,day,paid"])
def test_empty_table(shop: Shop, content: str):
    shop.write("sales.csv", content)
    with pytest.raises(TableError, match=r"sales\.csv (is empty|holds no rows)"):
        shop.read()


def test_csv_in_another_encoding_is_an_error_that_names_the_byte_and_the_cure(shop: Shop):
    shop.write("stock.csv", "item,name,group\n007,Scarf,Scarves\n008,Pèlerine,Coats\n".encode("cp1252"))
    with pytest.raises(TableError) as caught:
        shop.read()
    assert caught.value.problem == "stock.csv is not utf-8: byte 0xe8 at offset 39, line 3."
    assert "source.tables.articles.encoding: cp1252" in caught.value.cure
    shop.tables["articles"]["encoding"] = "cp1252"
    assert shop.read()["articles"]["title"].tolist() == ["Scarf", "Pèlerine"]
    assert not list(shop.workspace.raw.glob("*.csv"))


def test_bad_byte_is_placed_right_in_a_file_of_many_blocks(shop: Shop):
    head = STOCK.encode() + b"009,\xe2\x82\xac,Bags\n" * 200_000
    shop.write("stock.csv", head + b"010,\xff,Bags\n")
    with pytest.raises(TableError, match=rf"offset {len(head) + 4:,}, line {200_004:,}\."):
        shop.read()


def test_utf_16_is_recognised(shop: Shop):
    shop.write("stock.csv", STOCK.encode("utf-16"))
    with pytest.raises(TableError, match=r"encoding: utf-16"):
        shop.read()
    shop.tables["articles"]["encoding"] = "utf-16"
    assert len(shop.read()["articles"]) == 2


def test_malformed_line_is_an_error_not_a_lost_row(shop: Shop):
    shop.write("sales.csv", SALES + '9,"008,2025-01-05,3\n9,008,2025-01-06,3\n')
    with pytest.raises(TableError, match=r"sales\.csv has a malformed line\. CSV Error on Line: 5"):
        shop.read()
    shop.write("sales.csv", SALES + "9,008\n")
    with pytest.raises(TableError, match="Expected Number of Columns: 4 Found: 2"):
        shop.read()


def test_a_malformed_line_is_quoted_no_longer_than_can_be_read(shop: Shop):
    shop.write("stock.csv", STOCK + "009," + "x" * 20_000_000 + ",Scarves\n")
    with pytest.raises(TableError, match=r"stock\.csv has a malformed line") as caught:
        shop.read()
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    "content", ["item,name,group\r007,Wool,Scarves\r", 'item,"name,group\n' + "007,Wool,Scarves\n" * 20_000]
)
def test_a_header_that_is_no_csv_is_named(shop: Shop, content: str):
    shop.write("stock.csv", content)
    with pytest.raises(
        TableError, match=r"stock\.csv: its header line cannot be read .*line ends LF or CRLF"
    ):
        shop.read()


def test_a_wide_header_is_read(shop: Shop):
    wide = "".join(f",a rather long name of a column that nobody asked for {i}" for i in range(4000))
    shop.write("stock.csv", f"item,name,group{wide}\n007,Wool,Scarves{',' * 4000}\n")
    assert shop.read()["articles"]["title"].tolist() == ["Wool"]


def test_an_unknown_date_format_is_named(shop: Shop):
    shop.tables["transactions"]["date_format"] = "%Q"
    with pytest.raises(ParamsError, match=r"source\.tables\.transactions\.date_format is '%Q'"):
        shop.read()


@pytest.mark.parametrize("encoding", ["hex", "rot13", "undefined", "klingon"])
def test_what_is_no_text_encoding_is_named(shop: Shop, encoding: str):
    shop.tables["articles"]["encoding"] = encoding
    with pytest.raises(TableError, match=rf"stock\.csv: '{encoding}' is not a text encoding"):
        shop.read()


def test_a_damaged_page_and_bytes_that_are_no_text_are_named(shop: Shop):
    frame = pd.DataFrame(
        {"buyer": [str(i) for i in range(5000)], "item": "7", "day": "2025-01-02", "paid": 1.0}
    )
    frame.to_parquet(shop.folder / "sales.parquet")
    shop.tables["transactions"]["file"] = "sales.parquet"
    damaged = bytearray((shop.folder / "sales.parquet").read_bytes())
    damaged[2000:2060] = b"\xff" * 60
    shop.write("sales.parquet", bytes(damaged))
    with pytest.raises(TableError, match=r"sales\.parquet could not be read.* Copy the file again"):
        shop.read()
    frame.head(2).assign(buyer=[b"\xff\xfe", b"a"]).to_parquet(shop.folder / "sales.parquet")
    with pytest.raises(TableError, match=r"sales\.parquet could not be read.* UTF-?8"):
        shop.read()


def test_damaged_files_are_named(shop: Shop):
    shop.write("sales.parquet", b"PAR1 not really")
    shop.tables["transactions"]["file"] = "sales.parquet"
    with pytest.raises(TableError, match=r"sales\.parquet is not a readable Parquet file"):
        shop.read()
    shop.write("sales.csv.gz", gzip.compress(SALES.encode() * 100)[:-20])
    shop.tables["transactions"]["file"] = "sales.csv.gz"
    with pytest.raises(TableError, match=r"sales\.csv\.gz is a damaged gzip file"):
        shop.read()


def test_a_failed_run_leaves_the_last_good_tables(shop: Shop):
    shop.read()
    before = (shop.workspace.raw / "source.json").read_bytes()
    shop.write("stock.csv", "")
    with pytest.raises(CouturierError):
        shop.read()
    assert (shop.workspace.raw / "source.json").read_bytes() == before
    assert [path.name for path in shop.workspace.data.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("unit", ["us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Amsterdam"])
def test_timestamps_of_pandas_are_read_in_utc(shop: Shop, unit: str, zone: str | None) -> None:
    moments = pd.to_datetime(["2025-01-02 00:30", "2025-07-02 12:00"]).tz_localize(zone).as_unit(unit)
    frame = pd.DataFrame({"buyer": ["1", "2"], "item": "007", "day": moments, "paid": 5.0})
    frame.to_parquet(shop.folder / "sales.parquet")
    shop.tables["transactions"]["file"] = "sales.parquet"
    expected = moments.tz_convert(None) if zone else moments
    assert shop.read()["transactions"]["timestamp"].tolist() == expected.tolist()
