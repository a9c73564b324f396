from pathlib import Path

import pandas as pd
import pytest

from rec_assets.errors import CouturierError
from rec_assets.sources.canonical import ARTICLES, copy_query, write_canonical
from rec_assets.sources.opening import connect, open_file


def test_a_write_that_fails_names_the_file_and_the_cure(tmp_path: Path):
    with pytest.raises(CouturierError, match=r"x\.parquet could not be written.* Free disk space"):
        copy_query(connect(), "SELECT 1 AS a", tmp_path / "nowhere" / "x.parquet")


def test_paths_may_hold_any_character(tmp_path: Path):
    folder = tmp_path / "it's [new] *2025*"
    folder.mkdir()
    (folder / "a[1]?.csv").write_text("sku,title\n1,Belt\n")
    connection = connect()
    file = open_file(connection, folder / "a[1]?.csv", tmp_path)
    rows = write_canonical(
        connection, file, {"sku": "sku", "title": "title"}, ARTICLES, folder / "out.parquet"
    )
    assert rows == 1
    assert pd.read_parquet(folder / "out.parquet")["title"].tolist() == ["Belt"]


def test_equal_files_give_equal_bytes(tmp_path: Path):
    lines = "".join(f"{i:06d},Title {i % 97}\n" for i in range(150_000))
    (tmp_path / "stock.csv").write_text("sku,title\n" + lines)
    written = []
    for name in ("first", "second"):
        connection = connect()
        file = open_file(connection, tmp_path / "stock.csv", tmp_path)
        target = tmp_path / f"{name}.parquet"
        write_canonical(connection, file, {"sku": "sku", "title": "title"}, ARTICLES, target)
        written.append(target.read_bytes())
    assert written[0] == written[1]
    assert pd.read_parquet(tmp_path / "first.parquet")["sku"].is_monotonic_increasing


@pytest.mark.parametrize(
    ("written", "expected"), [("true", True), ("no", False), ("0", False), ("", True), ("Y", True)]
)
def test_availability_is_read_from_words(tmp_path: Path, written: str, expected: bool):
    (tmp_path / "stock.csv").write_text(f"sku,title,live\n1,Belt,{written}\n")
    connection = connect()
    file = open_file(connection, tmp_path / "stock.csv", tmp_path)
    mapping = {"sku": "sku", "title": "title", "available": "live"}
    write_canonical(connection, file, mapping, ARTICLES, tmp_path / "out.parquet")
    assert pd.read_parquet(tmp_path / "out.parquet")["available"].tolist() == [expected]
