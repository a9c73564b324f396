import ast
from pathlib import Path

import pytest

from rec_assets.errors import TableError
from rec_assets.params import Params
from rec_assets.sources import snapshots
from rec_assets.sources.snapshots import Snapshot, list_snapshots, resolve_snapshot, source_path
from rec_assets.workspace import Workspace


def drop(folder: Path, name: str = "sales.csv") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("id\n1\n")


def test_newest_snapshot_is_the_last_by_name(tmp_path: Path):
    for name in ("2025-03-01", "2024-12-31", "2025-01-15"):
        drop(tmp_path / name)
    assert list_snapshots(tmp_path) == ["2024-12-31", "2025-01-15", "2025-03-01"]
    assert resolve_snapshot(tmp_path) == Snapshot(tmp_path / "2025-03-01", "2025-03-01")
    assert resolve_snapshot(tmp_path, "2025-01-15").folder == tmp_path / "2025-01-15"


def test_unfinished_and_empty_folders_are_ignored(tmp_path: Path):
    drop(tmp_path / "2025-01-01")
    drop(tmp_path / ".2025-02-01.x.part")
    drop(tmp_path / "2025-03-01.part")
    (tmp_path / "2025-04-01").mkdir()
    assert list_snapshots(tmp_path) == ["2025-01-01"]


def test_files_directly_in_the_path_are_the_source(tmp_path: Path):
    drop(tmp_path, "articles.parquet")
    drop(tmp_path / "images")
    assert list_snapshots(tmp_path) == []
    assert resolve_snapshot(tmp_path) == Snapshot(tmp_path, None)


def test_a_page_of_notes_does_not_hide_the_snapshots(tmp_path: Path):
    drop(tmp_path / "2025-01-01")
    for name in ("README.md", "README.txt"):
        (tmp_path / name).write_text("Our exports.")
    assert list_snapshots(tmp_path) == ["2025-01-01"]


def test_missing_path_waits_for_the_sensor_but_stops_the_stage(tmp_path: Path):
    assert list_snapshots(tmp_path / "nowhere") == []
    with pytest.raises(TableError, match=r"source path .*nowhere.* Set source\.path"):
        resolve_snapshot(tmp_path / "nowhere")


def test_empty_path_and_unknown_snapshot_name_the_cure(tmp_path: Path):
    with pytest.raises(TableError, match="holds no CSV or Parquet file"):
        resolve_snapshot(tmp_path)
    drop(tmp_path / "2025-01-01")
    with pytest.raises(TableError, match=r"no snapshot '2025-02-01'\. Snapshots found: 2025-01-01"):
        resolve_snapshot(tmp_path, "2025-02-01")


def test_relative_source_path_starts_at_the_workspace(workspace: Workspace, tmp_path: Path):
    assert source_path(workspace, Params()) == workspace.root / "data" / "incoming"
    elsewhere = Params.model_validate({"source": {"path": str(tmp_path)}})
    assert source_path(workspace, elsewhere) == tmp_path


def test_the_sensor_pays_for_no_data_library():
    tree = ast.parse(Path(snapshots.__file__).read_text())
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported <= {
        "dataclasses",
        "pathlib",
        "rec_assets.errors",
        "rec_assets.params",
        "rec_assets.workspace",
    }
    assert not any(isinstance(node, ast.Import) for node in ast.walk(tree))


def test_tables_that_are_text_files_are_the_source(tmp_path: Path):
    drop(tmp_path, "articles.txt")
    assert resolve_snapshot(tmp_path) == Snapshot(tmp_path, None)
