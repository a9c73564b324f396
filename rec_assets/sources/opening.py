"""Opening one of the retailer's files as a DuckDB relation, whatever its format."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from rec_assets.errors import TableError
from rec_assets.sources.text_encoding import check_encoding, open_bytes, write_as_utf8

DELIMITERS = (",", ";", "\t", "|")
HEADER_BYTES = 1 << 20
LONGEST_QUOTE = 300  # characters of DuckDB's message, which repeats the line however long it is


@dataclass(frozen=True)
class OpenFile:
    """A file that DuckDB can scan.

    Parameters
    ----------
    name
        The file's name, for messages.
    relation
        SQL to put after ``FROM``.
    columns
        The file's column name: its quoted SQL name and DuckDB type (``VARCHAR`` for every CSV column).
    """

    name: str
    relation: str
    columns: Mapping[str, tuple[str, str]]


def connect() -> duckdb.DuckDBPyConnection:
    """Open an in-memory DuckDB whose results keep the file's row order and do not depend on the machine.

    One thread: the order and the row groups of what it writes are then the same on every machine.
    """
    connection = duckdb.connect()
    connection.execute("SET threads = 1; SET TimeZone = 'UTC'; SET enable_progress_bar = false")
    return connection


def find_file(folder: Path, names: Sequence[str]) -> Path:
    """Find the first of ``names`` in ``folder``.

    Raises
    ------
    TableError
        When none is there.
    """
    for name in names:
        if (folder / name).is_file():
            return folder / name
    found = ", ".join(sorted(file.name for file in folder.iterdir() if not file.name.startswith(".")))
    raise TableError(
        f"{folder} has no {' or '.join(names)}. Files found: {found or 'none'}.",
        "Copy the file there, or mend source.path, source.snapshot or source.tables in params.yaml.",
    )


def open_file(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    scratch: Path,
    encoding: str = "utf-8",
    encoding_key: str | None = None,
) -> OpenFile:
    """Open a Parquet file, or a CSV file of any delimiter, for scanning.

    Parameters
    ----------
    connection
        Where it will be scanned.
    path
        ``.parquet`` or ``.pq``; anything else is CSV with a header line, gzipped if it ends in ``.gz``.
    scratch
        A folder for a UTF-8 copy of a CSV in another encoding.
    encoding, encoding_key
        A CSV's encoding and the key of ``params.yaml`` that sets it.

    Raises
    ------
    TableError
        When the file is not what its name says, is not in the encoding, or has no header that can be read.
    """
    if path.suffix.lower() in (".parquet", ".pq"):
        relation = f"read_parquet({quoted(path)}, binary_as_string = true)"
        try:
            described = connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
        except duckdb.Error as error:
            raise TableError(f"{path.name} is not a readable Parquet file.", "Copy it again.") from error
        return OpenFile(path.name, relation, {row[0]: (identifier(row[0]), row[1]) for row in described})

    readable = path
    if encoding.lower().replace("_", "-") in ("utf-8", "utf8", "utf-8-sig"):
        check_encoding(path, "utf-8", encoding_key)
    else:
        readable = scratch / f"{path.name}.utf-8.csv"
        write_as_utf8(path, encoding, encoding_key, readable)
    header, delimiter = _header(path.name, readable)
    # Columns go by place: names may differ only in case, which SQL would confuse. All text, so that ids keep
    # their zeros and a cell of the wrong type costs its own row only.
    types = ", ".join(f"'c{place}': 'VARCHAR'" for place in range(len(header)))
    relation = (
        f"read_csv({quoted(readable)}, auto_detect = false, header = true, delim = '{delimiter}', "
        f"quote = '\"', escape = '\"', max_line_size = 16777216, columns = {{{types}}})"
    )
    return OpenFile(
        path.name, relation, {name: (f"c{place}", "VARCHAR") for place, name in enumerate(header)}
    )


def _header(name: str, path: Path) -> tuple[list[str], str]:
    """Read the column names and the delimiter: the one that splits the header into most columns."""
    with open_bytes(path) as stream:
        head = stream.read(HEADER_BYTES).decode("utf-8-sig", errors="ignore")
    records: dict[str, list[str]] = {}
    failure = None
    for mark in DELIMITERS:
        try:
            records[mark] = next(csv.reader(io.StringIO(head), delimiter=mark), [])
        except csv.Error as error:  # a wrong delimiter may fail where the right one does not
            records[mark], failure = [], error
    delimiter = max(DELIMITERS, key=lambda mark: len(records[mark]))
    if failure and len(records[delimiter]) <= 1:
        raise TableError(
            f"{name}: its header line cannot be read ({failure}).",
            "Close its quotes, or save the file with line ends LF or CRLF, and run again.",
        )
    header = [column.strip() for column in records[delimiter]]
    if not any(header):
        raise TableError(f"{name} is empty: it has no header line.", "Export it again with its column names.")
    twice = sorted({column for column in header if header.count(column) > 1})
    if twice:
        raise TableError(f"{name} has two columns named {twice[0]!r}.", "Rename one of them in the file.")
    return header, delimiter


@contextmanager
def naming(file: OpenFile) -> Iterator[None]:
    """Name the file in what DuckDB says about its content.

    Raises
    ------
    TableError
        When a line is malformed, or a Parquet page damaged or no UTF-8.
    """
    try:
        yield
    except (duckdb.InvalidInputException, duckdb.IOException, duckdb.ConversionException) as error:
        said = " ".join(str(error).splitlines()[:3]).partition(": ")[2][:LONGEST_QUOTE].rstrip(" .")
        if file.relation.startswith("read_csv"):
            raise TableError(
                f"{file.name} has a malformed line. {said}.",
                "Mend that line (an unclosed quote, or a delimiter inside an unquoted cell) and run again.",
            ) from error
        raise TableError(
            f"{file.name} could not be read: {said}.", "Copy the file again, its texts written as UTF-8."
        ) from error


def quoted(path: Path) -> str:
    """Write a path as an SQL string that stands for exactly one file, whatever characters it holds."""
    literal = "".join(f"[{mark}]" if mark in "*?[" else mark for mark in str(path))
    return "'" + literal.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """Quote a column name for SQL."""
    return '"' + name.replace('"', '""') + '"'
