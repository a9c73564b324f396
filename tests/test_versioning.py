"""DVC's command line, for real, in a repository of three files."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from rec_assets import versioning
from rec_assets.errors import ParamsError, VersioningError
from rec_assets.params import change_params, read_params
from rec_assets.versioning import changed_stages, commit, find_dvc
from rec_assets.workspace import Workspace

PROJECT = Path(__file__).resolve().parents[1]
GRAPH = """\
stages:
  raw_data:
    cmd: "true"
    deps:
    - ${source.path}
    - rec_assets/sources
    params:
    - source
    outs:
    - data/raw
  validated_data:
    cmd: "true"
    deps:
    - data/raw
    outs:
    - data/validated
"""


@pytest.fixture
def repository(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Two stages whose outputs lie on disk, unrecorded."""
    monkeypatch.setenv("COUTURIER_DVC", str(find_dvc(Workspace(PROJECT))))
    subprocess.run(["git", "init", "--quiet", "."], cwd=workspace.root, check=True)
    for name in (".gitignore", ".dvcignore", ".dvc/config", ".dvc/.gitignore"):
        (workspace.root / name).parent.mkdir(exist_ok=True)
        (workspace.root / name).write_text((PROJECT / name).read_text())
    (workspace.root / "dvc.yaml").write_text(GRAPH)
    for name in ("data/raw/a.txt", "data/validated/a.txt", "rec_assets/sources/hm.py"):
        (workspace.root / name).parent.mkdir(parents=True, exist_ok=True)
        (workspace.root / name).write_text("one")
    return workspace


def test_recorded_stages_have_not_changed(repository: Workspace) -> None:
    assert changed_stages(repository) == ["raw_data", "validated_data"]
    commit(repository, "raw_data")
    assert changed_stages(repository) == ["validated_data"]
    commit(repository, "validated_data")
    assert changed_stages(repository) == []


def test_data_parameters_and_code_count_but_compiled_code_does_not(repository: Workspace) -> None:
    commit(repository, "raw_data", "validated_data")
    cache = repository.root / "rec_assets" / "sources" / "__pycache__"
    cache.mkdir()
    (cache / "hm.pyc").write_bytes(b"compiled")
    assert changed_stages(repository) == []
    (repository.root / "rec_assets" / "sources" / "hm.py").write_text("two")
    assert changed_stages(repository) == ["raw_data"]
    commit(repository, "raw_data")
    change_params(repository.params_file, {"source.synthetic.seed": 8})
    assert changed_stages(repository) == ["raw_data"]
    commit(repository, "raw_data")
    (repository.raw / "a.txt").write_text("two")
    assert changed_stages(repository) == ["raw_data", "validated_data"]


def test_files_outside_the_repository_are_watched(repository: Workspace, tmp_path: Path) -> None:
    outside = tmp_path / "retailer"
    outside.mkdir()
    (outside / "articles.csv").write_text("article_id\n1\n")
    change_params(repository.params_file, {"source.path": str(outside)})
    commit(repository, "raw_data", "validated_data")
    assert changed_stages(repository) == []
    (outside / "articles.csv").write_text("article_id\n2\n")
    assert changed_stages(repository) == ["raw_data"]


def test_calls_from_several_threads_wait_for_each_other(repository: Workspace) -> None:
    failures: list[VersioningError] = []

    def record() -> None:
        try:
            commit(repository, "raw_data")
        except VersioningError as error:
            failures.append(error)

    threads = [threading.Thread(target=record) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_held_lock_is_not_waited_for_without_end(
    repository: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(versioning, "LOCK_SECONDS", 0.1)
    lock = repository.root / ".dvc" / "tmp" / "couturier.lock"
    lock.parent.mkdir(parents=True)
    hold = "import filelock, sys; held = filelock.FileLock(sys.argv[1]); held.acquire(); print(); input()"
    holder = subprocess.Popen(
        [sys.executable, "-u", "-c", hold, lock], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    try:
        holder.stdout.readline()
        with pytest.raises(VersioningError, match=r"couturier\.lock"):
            changed_stages(repository)
    finally:
        holder.communicate(b"\n")


def test_a_missing_output_names_the_cure(repository: Workspace) -> None:
    (repository.validated / "a.txt").unlink()
    repository.validated.rmdir()
    with pytest.raises(VersioningError, match=r"data/validated.*couturier run"):
        commit(repository, "validated_data")


def test_a_folder_without_dvc(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUTURIER_DVC", str(find_dvc(Workspace(PROJECT))))
    with pytest.raises(VersioningError, match="not a DVC repository"):
        changed_stages(workspace)


def test_dvc_missing(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COUTURIER_DVC", raising=False)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sys, "executable", str(workspace.root / "python"))
    with pytest.raises(VersioningError, match="make install"):
        find_dvc(workspace)
    monkeypatch.setenv("COUTURIER_DVC", "/nowhere/dvc")
    with pytest.raises(VersioningError, match="COUTURIER_DVC"):
        find_dvc(workspace)


def test_dvc_reads_no_bare_dates_so_they_are_refused_and_never_written(repository: Workspace) -> None:
    text = repository.params_file.read_text()
    repository.params_file.write_text(text.replace("as_of: null", "as_of: 2026-01-31", 1))
    with pytest.raises(ParamsError, match=r"splits\.as_of.*quotes"):
        read_params(repository.params_file)
    with pytest.raises(VersioningError, match="quotes around dates"):
        changed_stages(repository)
    repository.params_file.write_text(text)
    as_of = read_params(repository.params_file).source.synthetic.start
    change_params(repository.params_file, {"splits.as_of": as_of})
    assert read_params(repository.params_file).splits.as_of == as_of
    assert changed_stages(repository) == ["raw_data", "validated_data"]
