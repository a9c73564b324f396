"""Which folder holds the retailer's files: the source path itself, or its newest snapshot.

A source path holds either the files directly, or one sub-folder per snapshot. Snapshots sort by name, so
names such as ``2025-03-01`` put the newest last. A folder whose name starts with ``.`` or ends with ``.part``
is still being copied and is ignored, as is one without a data file: copy under such a name, then rename.
Notes beside the snapshots (``README.txt``) hide none of them.

Only the standard library is imported here: the sensor that watches for snapshots calls it every few seconds.
"""

from dataclasses import dataclass
from pathlib import Path

from rec_assets.errors import TableError
from rec_assets.params import Params
from rec_assets.workspace import Workspace

TEXT_SUFFIXES = (".txt", ".txt.gz")
DATA_SUFFIXES = (".parquet", ".pq", ".csv", ".tsv", ".csv.gz", ".tsv.gz", *TEXT_SUFFIXES)


@dataclass(frozen=True)
class Snapshot:
    """A folder of files and, when the source path holds several, its name."""

    folder: Path
    name: str | None


def source_path(workspace: Workspace, params: Params) -> Path:
    """Resolve ``source.path``; a relative one is meant from the workspace's root."""
    return workspace.root / params.source.path


def data_files(folder: Path) -> list[Path]:
    """List the CSV and Parquet files directly in ``folder``, sorted by name."""
    return sorted(
        file
        for file in folder.iterdir()
        if file.name.lower().endswith(DATA_SUFFIXES) and not file.name.startswith(".") and file.is_file()
    )


def list_snapshots(path: Path) -> list[str]:
    """List the snapshots under ``path``, oldest first; none where it holds its files directly.

    A path that does not exist yet has no snapshots: a sensor may wait for it.
    """
    if not path.is_dir():
        return []
    # A text file may be a table or a note to people: beside folders with data it is taken for a note.
    if any(not file.name.lower().endswith(TEXT_SUFFIXES) for file in data_files(path)):
        return []
    return sorted(
        folder.name
        for folder in path.iterdir()
        if folder.is_dir()
        and not folder.name.startswith(".")
        and not folder.name.endswith(".part")
        and data_files(folder)
    )


def resolve_snapshot(path: Path, snapshot: str | None = None) -> Snapshot:
    """Find the folder to read: the snapshot named, else the newest, else ``path`` itself.

    Raises
    ------
    TableError
        When the path does not exist, holds no data, or has no such snapshot.
    """
    if not path.is_dir():
        raise TableError(
            f"The source path {path} is not a folder.",
            "Set source.path in params.yaml to the folder that holds the retailer's files.",
        )
    names = list_snapshots(path)
    if snapshot is not None:
        if snapshot not in names:
            raise TableError(
                f"{path} has no snapshot {snapshot!r}. Snapshots found: {', '.join(names) or 'none'}.",
                "Set source.snapshot in params.yaml to one of them, or to null for the newest.",
            )
        return Snapshot(path / snapshot, snapshot)
    if names:
        return Snapshot(path / names[-1], names[-1])
    if not data_files(path):
        raise TableError(
            f"{path} holds no CSV or Parquet file and no snapshot folder with one.",
            "Copy the retailer's files there, set source.path, or set source.kind: synthetic.",
        )
    return Snapshot(path, None)
