"""The data engine: Ibis expressions, run by DuckDB on one machine.

Only this module names DuckDB. Expressions built elsewhere use Ibis alone, so on Spark (Databricks) the same
functions take tables of ``ibis.pyspark.connect(session)``; what has to be replaced there is :func:`engine`,
:func:`scan` (the row number becomes ``monotonically_increasing_id``) and :func:`write_expression`.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from rec_assets.errors import TableError
from rec_assets.files import atomic_file

ROW_GROUP = 131_072  # rows; fixed, so that equal tables give equal bytes whatever the batches were
FILE_ROW = "file_row_number"  # 0-based place of a row in its file


@contextmanager
def engine() -> Iterator[Any]:
    """Yield an in-memory DuckDB connection that spills to a folder of its own when memory runs short."""
    with tempfile.TemporaryDirectory(prefix="couturier-spill-") as spill:
        connection = ibis.duckdb.connect(temp_directory=spill)
        try:
            yield connection
        finally:
            connection.disconnect()


def scan(connection: Any, path: Path) -> Any:
    """Give a Parquet file as a lazy table with its columns and :data:`FILE_ROW`.

    Raises
    ------
    TableError
        When the file is missing.
    """
    if not path.exists():
        raise TableError(f"{path} does not exist.", "Run the pipeline first: couturier run.")
    return connection.read_parquet(path, file_row_number=True)


def write_expression(connection: Any, expression: Any, path: Path) -> int:
    """Stream an ordered table expression into one Parquet file and return its number of rows.

    Memory stays bounded by the engine's sort, not by the table: 30 million rows pass in row groups.
    """
    schema = expression.schema().to_pyarrow()
    with atomic_file(path) as part, tqdm(desc=path.stem, unit=" rows", delay=1) as bar:
        reader = connection.con.sql(connection.compile(expression)).to_arrow_reader(ROW_GROUP)
        with pq.ParquetWriter(part, schema, compression="zstd") as writer:
            for group in _row_groups(reader, schema):
                writer.write_table(group, row_group_size=ROW_GROUP)
                bar.update(len(group))
            rows = int(bar.n)
    return rows


def _row_groups(reader: Any, schema: Any) -> Iterator[Any]:
    """Cut a stream of batches into tables of exactly :data:`ROW_GROUP` rows; the last holds the rest."""
    waiting = schema.empty_table()
    for batch in reader:
        waiting = pa.concat_tables([waiting, pa.Table.from_batches([batch]).cast(schema)])
        while len(waiting) >= ROW_GROUP:
            yield waiting.slice(0, ROW_GROUP).combine_chunks()
            waiting = waiting.slice(ROW_GROUP)
    if len(waiting):
        yield waiting.combine_chunks()
