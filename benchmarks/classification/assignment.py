"""What a method is given, and what it gives back."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from classification.tasks import Task


@dataclass(frozen=True)
class Assignment:
    """One run of one method.

    Parameters
    ----------
    task
        The data set.
    train, judged
        Rows to learn from and rows to label.
    base
        ``smollm2``, ``gemma3`` or ``minilm``; none for methods without one.
    layers
        Smoke run: only the base's first layers.
    config
        The method's recipe, out of ``recipes.yaml``.
    seed
        Of everything random.
    files
        Where hidden states and checkpoints are kept.
    """

    task: Task
    train: np.ndarray
    judged: np.ndarray
    base: str | None
    layers: int | None
    config: dict[str, Any]
    seed: int
    files: Path

    @property
    def texts(self) -> list[str]:
        """Texts to learn from."""
        return self.task.said(self.train)

    @property
    def targets(self) -> np.ndarray:
        """Their labels' indices."""
        return self.task.targets[self.train]

    @property
    def judged_texts(self) -> list[str]:
        """Texts to label."""
        return self.task.said(self.judged)


@dataclass(frozen=True)
class Outcome:
    """A trained classifier and its answers.

    Parameters
    ----------
    predictions
        Label indices of the judged rows.
    classify
        From texts to label indices, all the way: what latency and throughput are measured on.
    seconds
        Training, loading left out; of a frozen method its head alone (``runs.with_reading`` adds the rest).
    parameters
        Numbers an answer is computed from.
    train_samples_per_second
        Rows read in training a second, repeated ones counted each time; 0 where nothing is trained.
    notes
        What else is worth knowing.
    """

    predictions: np.ndarray
    classify: Callable[[list[str]], np.ndarray]
    seconds: float
    parameters: int
    train_samples_per_second: float = 0.0
    notes: dict[str, Any] = field(default_factory=dict)
