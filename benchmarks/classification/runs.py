"""One run of one method in files of its own, so that what is done once is not done again."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from harness.results import commit, machine

from classification.assignment import Assignment
from classification.judge import figures, scores
from classification.methods import run as run_method
from classification.tasks import Task, split_of


@dataclass(frozen=True)
class Cell:
    """Which run.

    Parameters
    ----------
    method, dataset, base
        As the command names them.
    shots
        Examples a class; none: all.
    layers, test_rows
        Of a smoke run.
    called
        The row's and the files' name for a recipe made by hand; none: the method's.
    """

    method: str
    dataset: str
    base: str | None
    shots: int | None
    layers: int | None = None
    test_rows: int | None = None
    called: str | None = None

    @property
    def model(self) -> str:
        """What the row is called."""
        if self.called is not None:
            return self.called
        return self.method if self.base is None else f"{self.method}/{self.base}"

    def name(self, config: dict[str, Any], seed: int) -> str:
        """Name the files of a run; another recipe does not take their place."""
        told = [config, self.layers, self.test_rows]
        if split := split_of(self.dataset, self.shots):
            told.append(split)
        digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:8]
        method = self.called or self.method
        parts = [self.dataset, method, self.base or "none", "all" if self.shots is None else self.shots]
        return "-".join(map(str, [*parts, seed, digest]))


def final(
    cell: Cell, task: Task, config: dict[str, Any], seed: int, files: Path, recipe: str
) -> dict[str, Any]:
    """Train on shots (or the recipe's share of train, as a rule all) and score the test rows."""
    part = "train" if cell.shots is None else "pool"
    train = task.shots(cell.shots, seed, part, config.get("share", 1.0))
    assignment = _assign(cell, task, config, seed, files, train, task.rows("test"))
    outcome = run_method(cell.method, assignment)
    truth = task.targets[assignment.judged]
    return {
        "seed": seed,
        "config": config,
        "recipe": recipe,
        "commit": commit(),
        "machine": machine(),
        "threads": torch.get_num_threads(),
        "rows": {"train": len(train), "test": len(truth)},
        **figures(outcome, truth, assignment.judged_texts),
    }


def with_reading(run: dict[str, Any]) -> dict[str, Any]:
    """Add to a frozen method's training what reading its texts takes, at the rate it answers.

    Its states may have lain on disk from other seeds and candidates, so their time cannot be taken from the
    run; methods that train below their head read the texts within their seconds.
    """
    reading = run["rows"]["train"] / run["texts_per_second"]
    seconds = run["seconds"] + reading
    read = run["train_samples_per_second"] * run["seconds"]
    rate = read / seconds
    return run | {"seconds": seconds, "train_samples_per_second": rate, "reading_seconds": reading}


def tried(
    cell: Cell, task: Task, config: dict[str, Any], seeds: list[int], files: Path, rows: int | None
) -> dict[str, Any]:
    """Score one candidate on the first selection rows: mean over draws of shots; a finished one is taken."""
    done: list[float] = []
    for seed in seeds:
        path = files / "selection" / f"{cell.name(config, seed)}-{rows or 'all'}.json"
        if not path.exists():
            judged = task.rows("selection")[:rows]
            train = task.shots(cell.shots, seed, share=config.get("share", 1.0))
            assignment = _assign(cell, task, config, seed, files, train, judged)
            outcome = run_method(cell.method, assignment)
            found = scores(task.targets[assignment.judged], outcome.predictions)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(found | {"config": config}, indent=2) + "\n")
        done.append(json.loads(path.read_text())["accuracy"])
    return {"config": config, "accuracy": float(np.mean(done)), "seeds": seeds, "rows": rows}


def _assign(
    cell: Cell,
    task: Task,
    config: dict[str, Any],
    seed: int,
    files: Path,
    train: np.ndarray,
    judged: np.ndarray,
) -> Assignment:
    return Assignment(task, train, judged, cell.base, cell.layers, config, seed, files)
