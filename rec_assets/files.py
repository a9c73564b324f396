"""Reading and writing artefacts: atomic, canonical, hashed by content."""

import errno
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from filelock import FileLock

from rec_assets.errors import CouturierError, TableError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FORBIDDEN = (errno.EROFS, errno.EACCES, errno.EPERM)
_PART = re.compile(r"\.(.+)\.[^.]+\.part")  # what atomic_file and atomic_folder call what is not finished


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
    except Exception as error:
        if _about_writing(error, part):
            raise unwritable(final, error) from error
        raise
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def atomic_folder(final: Path) -> Iterator[Path]:
    """Yield an empty temporary folder beside ``final`` that replaces it only if the block succeeds.

    Raises
    ------
    CouturierError
        When the disk is full or the folder cannot be written.
    """
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
    except Exception as error:
        if _about_writing(error, part):
            raise unwritable(final, error) from error
        raise
    finally:
        shutil.rmtree(part, ignore_errors=True)


def refuse_foreign(folder: Path, own: str, option: str) -> None:
    """Refuse to replace a folder that something else has written.

    Parameters
    ----------
    folder
        About to be replaced whole.
    own
        A file that tells the command's own work.
    option
        The option that names the folder.

    Raises
    ------
    CouturierError
        When the folder holds anything, but not that file.
    """
    if folder.exists() and not (folder / own).exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CouturierError(
            f"{folder} holds other files and would be replaced whole.",
            f"Name a new or an empty folder with {option}.",
        )


@contextmanager
def one_at_a_time(final: Path) -> Iterator[None]:
    """Wait while another process makes ``final``; the block then looks first whether it is there.

    Raises
    ------
    CouturierError
        When the folder cannot be written.
    """
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(final.parent / f".{final.name}.lock")
        lock.acquire()
    except OSError as error:
        raise unwritable(final, error) from error
    try:
        yield
    finally:
        lock.release()


def unwritable(path: Path, error: Exception) -> CouturierError:
    """Describe a failed write by its file, under the name it was to have, and its cure."""
    final = Path(*(found[1] if (found := _PART.fullmatch(name)) else name for name in path.parts))
    reason = _full(error) or getattr(error, "strerror", None) or str(error).partition("\n")[0]
    return CouturierError(
        f"{final} could not be written: {reason}.",
        "Free disk space or mend the folder's permissions, then run the stage again.",
    )


def _about_writing(error: Exception, part: Path) -> bool:
    """Tell a failed write to ``part`` from everything else that may go wrong while it is made."""
    if isinstance(error, CouturierError):
        return False
    if isinstance(error, OSError) and error.errno in _FORBIDDEN:
        return error.filename is None or str(error.filename).startswith(str(part))
    return _full(error) is not None


def _full(error: Exception) -> str | None:
    # Rust (safetensors) and DuckDB say in words alone that the disk is full.
    number = getattr(error, "errno", None)
    return next(
        (os.strerror(code) for code in _FULL if code == number or os.strerror(code) in str(error)), None
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
        When the file is missing or damaged.
    """
    if not path.exists():
        raise TableError(f"{path} does not exist.", "Run the pipeline first: couturier run.")
    try:
        return pd.read_parquet(path, columns=list(columns) if columns else None)
    except (OSError, pa.ArrowInvalid) as error:
        raise TableError(
            f"{path} could not be read: {error}.",
            "Run the stage that writes it again: couturier run --force.",
        ) from error


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
