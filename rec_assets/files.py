"""Reading and writing artefacts: atomic, canonical, hashed by content."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from rec_assets.errors import CouturierError, TableError


@contextmanager
def atomic_file(final: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``final`` that replaces it only if the block succeeds.

    A crash or a full disk leaves the old file, or none, never half a file under the final name.

    Raises
    ------
    CouturierError
        When the disk is full or the folder cannot be written.
    """
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=final.parent, prefix=f".{final.name}.", suffix=".part")
    except OSError as error:
        raise unwritable(final, error) from error
    os.close(handle)
    part = Path(name)
    try:
        yield part
        part.chmod(0o644)
        part.replace(final)
    except OSError as error:
        raise unwritable(final, error) from error
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def atomic_folder(final: Path) -> Iterator[Path]:
    """Yield an empty temporary folder beside ``final`` that replaces it only if the block succeeds."""
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(dir=final.parent, prefix=f".{final.name}.", suffix=".part"))
    except OSError as error:
        raise unwritable(final, error) from error
    try:
        yield part
        part.chmod(0o755)
        if final.exists():
            retired = part.with_suffix(".old")
            final.replace(retired)
            part.replace(final)
            shutil.rmtree(retired)
        else:
            part.replace(final)
    except OSError as error:
        raise unwritable(final, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def unwritable(path: Path, error: OSError) -> CouturierError:
    """Describe a failed write by its file and its cure."""
    return CouturierError(
        f"{path} could not be written: {error.strerror or error}.",
        "Free disk space or mend the folder's permissions, then run the stage again.",
    )


def write_table(frame: pd.DataFrame, path: Path) -> None:
    """Write a Parquet file atomically; equal frames give equal bytes."""
    with atomic_file(path) as part:
        frame.to_parquet(part, index=False, compression="zstd")


def read_table(path: Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read a Parquet artefact, or say which stage has to run first.

    Raises
    ------
    TableError
        When the file is missing.
    """
    if not path.exists():
        raise TableError(f"{path} does not exist.", "Run the pipeline first: couturier run.")
    return pd.read_parquet(path, columns=list(columns) if columns else None)


def write_json(value: Any, path: Path) -> None:
    """Write JSON atomically, keys sorted, two spaces: the same value gives the same bytes."""
    with atomic_file(path) as part:
        part.write_text(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, default=str) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON artefact, or say which stage has to run first."""
    if not path.exists():
        raise TableError(f"{path} does not exist.", "Run the pipeline first: couturier run.")
    return json.loads(path.read_text())


def content_hash(path: Path) -> str:
    """SHA-256 over a file, or over a folder's relative names and contents in sorted order."""
    digest = hashlib.sha256()
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    for file in files:
        digest.update(str(file.relative_to(path)).encode())
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
