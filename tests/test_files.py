"""Atomic writes: all or nothing, also on a full disk, and an error that says what went wrong where."""

import errno
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pandas as pd
import pytest

from rec_assets.errors import CouturierError, TableError
from rec_assets.files import atomic_file, atomic_folder, read_table, write_json, write_table

Atomic = Callable[[Path], AbstractContextManager[Path]]

# No file may grow beyond 100 kB: to the writer, a disk that is full after that many.
FULL_DISK = """
import resource, signal, sys
from pathlib import Path
import numpy as np, pandas as pd
from rec_assets.errors import CouturierError
from rec_assets.files import atomic_file, atomic_folder, write_json, write_table
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
final = Path(sys.argv[1])
frame = pd.DataFrame({"a": np.random.default_rng(0).random(200_000)})
try:
    WRITE
except CouturierError as error:
    print(error)
"""
WRITES = {
    "atomic_file": """
    with atomic_file(final) as part:
        part.write_bytes(bytes(1_000_000))""",
    "atomic_folder": """
    with atomic_folder(final) as part:
        (part / "small").write_text("fits")
        frame.to_csv(part / "large.csv")""",
    "a file in a folder": """
    with atomic_folder(final.parent) as part:
        write_table(frame, part / final.name)""",
    "write_json": """
    write_json(frame["a"].tolist(), final)""",
    "write_expression": """
    import ibis
    from rec_assets.engine import engine, write_expression
    rows = ibis.range(200_000).unnest().name("row").as_table()
    with engine() as connection:
        write_expression(connection, rows.mutate(a=ibis.random()), final)""",
    "copy_query": """
    from rec_assets.sources.opening import connect
    from rec_assets.sources.canonical import write_frame
    with atomic_folder(final.parent) as part:
        write_frame(frame, {"a": "number"}, part / final.name)""",
    "write_query": """
    import duckdb
    from rec_assets.validation.screening import write_query
    with atomic_folder(final.parent) as part, atomic_folder(final.parent.with_name("quarantine")):
        write_query(duckdb.connect(), "SELECT random() AS a FROM range(200000)", part / final.name)""",
    "safetensors": """
    from safetensors.numpy import save_file
    with atomic_folder(final) as part:
        save_file({"a": frame["a"].to_numpy()}, part / "a.safetensors")""",
}


@pytest.mark.parametrize("write", WRITES)
def test_a_full_disk_is_an_error_and_leaves_nothing(tmp_path: Path, write: str):
    final = tmp_path / "artefacts" / "out"
    script = FULL_DISK.replace("    WRITE", WRITES[write])
    ran = subprocess.run(
        [sys.executable, "-c", script, str(final)], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith(f"{final} could not be written: ")
    assert "File too large" in ran.stdout
    assert "Free disk space" in ran.stdout
    assert [path.name for path in tmp_path.rglob("*") if path != final.parent] == []


@pytest.fixture(params=[atomic_file, atomic_folder])
def atomic(request: pytest.FixtureRequest) -> Iterator[Atomic]:
    return request.param


@pytest.mark.parametrize(
    "error",
    [
        OSError("Corrupt snappy compressed data."),
        OSError(errno.EIO, "Input/output error", "elsewhere.parquet"),
        PermissionError(errno.EACCES, "Permission denied", "elsewhere.parquet"),
        FileNotFoundError(errno.ENOENT, "No such file or directory", "elsewhere.parquet"),
        TableError("elsewhere.parquet could not be read: No space left on device."),
        KeyError("sku"),
    ],
)
def test_what_is_not_about_writing_passes(tmp_path: Path, atomic: Atomic, error: Exception):
    with pytest.raises(type(error)) as caught, atomic(tmp_path / "out"):
        raise error
    assert caught.value is error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES])
def test_a_forbidden_or_full_folder_is_named(tmp_path: Path, atomic: Atomic, number: int):
    final = tmp_path / "out"
    with (
        pytest.raises(CouturierError, match=f"{final} could not be written") as caught,
        atomic(final) as part,
    ):
        raise OSError(number, "no", str(part))
    assert "permissions" in caught.value.cure


def test_where_a_file_stands_no_folder_can_be_made(tmp_path: Path, atomic: Atomic):
    (tmp_path / "file").touch()
    with (
        pytest.raises(CouturierError, match="file/out could not be written"),
        atomic(tmp_path / "file" / "out"),
    ):
        pass


def test_a_failure_keeps_what_was_there(tmp_path: Path):
    write_json({"a": 1}, tmp_path / "out.json")
    with atomic_folder(tmp_path / "folder") as part:
        (part / "old").touch()
    with pytest.raises(TypeError):
        write_json({("a", "tuple"): 1}, tmp_path / "out.json")
    with pytest.raises(FileNotFoundError), atomic_folder(tmp_path / "folder") as part:
        (part / "nowhere" / "new").mkdir()
    assert (tmp_path / "out.json").read_text() == '{\n  "a": 1\n}\n'
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")) == [
        "folder",
        "folder/old",
        "out.json",
    ]


def test_success_replaces_what_was_there(tmp_path: Path):
    for name in ("old", "new"):
        with atomic_folder(tmp_path / "folder") as part:
            (part / name).touch()
        write_json(name, tmp_path / "out.json")
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["new"]
    assert (tmp_path / "out.json").read_text() == '"new"\n'
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "out.json"]


def test_a_damaged_table_is_named(tmp_path: Path):
    path = tmp_path / "table.parquet"
    write_table(pd.DataFrame({"a": [str(i) for i in range(5000)]}), path)
    damaged = bytearray(path.read_bytes())
    damaged[100:-5000] = bytes(len(damaged) - 5100)
    path.write_bytes(damaged)
    with pytest.raises(TableError, match=r"table\.parquet could not be read"):
        read_table(path)
    path.write_bytes(b"PAR1 nothing")
    with pytest.raises(TableError, match=r"table\.parquet could not be read"):
        read_table(path)
