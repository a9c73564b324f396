"""A clone of the project as git would give it, with DVC set up, small enough to train in a minute."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from rec_assets.params import change_params
from rec_assets.workspace import Workspace

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def clone(tmp_path: Path) -> Workspace:
    """The project's files, tracked or about to be, in a git repository of their own."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=PROJECT, check=True, capture_output=True, text=True).stdout
    root = tmp_path / "clone"
    for name in filter(None, names.split("\0")):
        source = PROJECT / name
        if (
            source.is_file()
            and not name.startswith(("tests/", "docs/", "benchmarks/"))
            and name != "dvc.lock"
        ):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, root / name)
    subprocess.run(["git", "init", "--quiet", "."], cwd=root, check=True)
    return Workspace(root)


@pytest.fixture
def small(clone: Workspace, tiny_base: Path) -> Workspace:
    """The clone with the small profile and a random base model of two layers."""
    change_params(clone.params_file, yaml.safe_load((clone.root / "profiles" / "small.yaml").read_text()))
    change_params(
        clone.params_file,
        {"base_model.source": str(tiny_base), "base_model.layers": None, "tracking.mode": "disabled"},
    )
    return clone


@pytest.fixture
def command(clone: Workspace) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a command in the clone: its own code, and the environment's programs."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        ended = subprocess.run(
            arguments, cwd=clone.root, env=surroundings(clone), capture_output=True, text=True, timeout=1500
        )
        assert ended.returncode == 0, f"{arguments}\n{ended.stdout[-4000:]}\n{ended.stderr[-4000:]}"
        return ended

    return run


@pytest.fixture
def environment(clone: Workspace) -> dict[str, str]:
    """Variables of a process that works in the clone."""
    return surroundings(clone)


def surroundings(workspace: Workspace) -> dict[str, str]:
    home = workspace.root / ".dagster"
    home.mkdir(exist_ok=True)
    shutil.copy(workspace.root / "orchestration" / "dagster.yaml", home / "dagster.yaml")
    programs = PROJECT / ".venv" / "bin"
    return {
        **os.environ,
        "PATH": f"{programs}:{PROJECT / '.venv-dvc' / 'bin'}:{os.environ['PATH']}",
        # The clone's code, not the installed one: DVC hashes the clone's.
        "PYTHONPATH": str(workspace.root),
        "COUTURIER_HOME": str(workspace.root),
        "DAGSTER_HOME": str(home),
        "OMP_NUM_THREADS": "1",
    }
