"""Counts what a trainer learns from, and stops its clock to ask how well it has learnt."""

import time
from collections.abc import Callable
from typing import Any

from torch import nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

Count = Callable[[dict[str, Any]], tuple[int, int]]
"""From a batch, the customers' histories in it and the positions that have a target."""


class Meter(TrainerCallback):
    """A curve of ``seconds, samples, targets, loss``, the same for every kind of trainer.

    Parameters
    ----------
    count
        Counts a batch.
    loss
        The held-out loss now; its time is not counted.
    every
        Samples between two points of the curve.
    limit
        Samples after which training ends.
    """

    def __init__(self, count: Count, loss: Callable[[], float], every: int, limit: int) -> None:
        self.curve: list[dict[str, float]] = []
        self.steps = 0
        self._count = count
        self._loss = loss
        self._every = every
        self._limit = limit
        self._samples = self._targets = 0
        self._seconds = self._since = 0.0

    def watch(self, model: nn.Module) -> None:
        """Count every batch that the model is trained on."""
        model.register_forward_pre_hook(self._before, with_kwargs=True)

    def _before(self, model: nn.Module, _: tuple[Any, ...], batch: dict[str, Any]) -> None:
        if model.training:
            samples, targets = self._count(batch)
            self._samples += samples
            self._targets += targets

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Take the first point and start the clock."""
        self._point()
        self._since = time.perf_counter()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Stop the clock where a point is due, and the training at its limit."""
        self.steps += 1
        done = self._samples >= self._limit
        if not done and self._samples < self.curve[-1]["samples"] + self._every:
            return
        self._seconds += time.perf_counter() - self._since
        self._point()
        control.should_training_stop = control.should_training_stop or done
        self._since = time.perf_counter()

    def _point(self) -> None:
        self.curve.append(
            {
                "seconds": round(self._seconds, 3),
                "samples": self._samples,
                "targets": self._targets,
                "loss": self._loss(),
            }
        )
