"""One run of one model in a process of its own, taken as it is when finished with the same settings."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Runs:
    """Where runs lie and how one is started.

    Parameters
    ----------
    work
        Folder of runs.
    script
        The benchmark, which measures one run when it is given ``--one MODEL --seeds SEED``.
    arguments
        Its command line.
    threads
        Of each run.
    fresh
        Whether to run again what was run before.
    kept
        Folder of the repository that gets a copy of finished figures, so that runs of several machines make
        one table; None: none.
    beside
        Suffix of a file beside the figures that is kept with them; never one with rows of research data.
    """

    work: Path
    script: str
    arguments: Sequence[str]
    threads: int
    fresh: bool
    kept: Path | None = None
    beside: str | None = None

    def figures(self, model: str, seed: int, name: str, settings: dict[str, Any]) -> dict[str, Any]:
        """Take a finished run of the same settings, or run it.

        Parameters
        ----------
        name
            Of its files.
        settings
            What makes two runs equal.
        """
        path = self.work / f"{name}.json"
        parts = [path.with_suffix(suffix) for suffix in (self.beside, ".json") if suffix]
        for done in [path, *([self.kept / path.name] if self.kept else [])]:
            if done.exists() and not self.fresh:
                figures: dict[str, Any] = json.loads(done.read_text())
                if figures["settings"] == settings:
                    if done != path:
                        _copy([done.with_name(part.name) for part in parts], self.work)
                    print(f"{model}, seed {seed}: taken from {done}", file=sys.stderr)
                    return figures
        self.work.mkdir(parents=True, exist_ok=True)
        if self.fresh:
            (self.work / f"{name}.safetensors").unlink(missing_ok=True)
            for workspace in self.work.glob(f"workspace-{name}*"):
                further = workspace.name.removeprefix(f"workspace-{name}")  # a date, or another run's name
                if not further or (further.startswith("-") and "=" not in further):
                    shutil.rmtree(workspace)
        print(f"{model}, seed {seed} …", file=sys.stderr)
        threads = {"OMP_NUM_THREADS": str(self.threads), "MKL_NUM_THREADS": str(self.threads)}
        command = [sys.executable, self.script, *self.arguments, "--one", model, "--seeds", str(seed)]
        subprocess.run(command, check=True, env={**os.environ, **threads})
        figures = json.loads(path.read_text())
        if self.kept:
            _copy(parts, self.kept)
        return figures


def _copy(files: Sequence[Path], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        shutil.copy(file, folder)


def kept_runs(project: Path, benchmark: str, customers: int | None) -> Path | None:
    """Give the repository's folder of finished runs; none for a smoke run."""
    return None if customers else project / "benchmarks" / "results" / "runs" / benchmark


def work_folder(project: Path, benchmark: str, customers: int | None) -> Path:
    """Give the folder of runs; a smoke run, of the first customers only, has one of its own."""
    smoke = f"-smoke-{customers}" if customers else ""
    return project / "data" / "benchmarks" / f"{benchmark}{smoke}"


def result_file(project: Path, benchmark: str, customers: int | None) -> Path:
    """Give the file of rows: beside the runs for a smoke run, whose figures mean nothing."""
    smoke = work_folder(project, benchmark, customers)
    return (smoke if customers else project / "benchmarks" / "results") / f"{benchmark}.json"
