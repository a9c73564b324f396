"""The training curve: one row an epoch, to a tracker while it grows, to a table and a plot at the end."""

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from rec_assets.tracking import Tracker

NAMES = {"loss": "train_loss", "eval_ndcg@10": "validation_ndcg@10", "learning_rate": "learning_rate"}


class Curve:
    """Reads the trainer's log."""

    def callback(self, tracker: Tracker) -> TrainerCallback:
        """Give a callback that sends every logged number to the tracker."""
        return _ToTracker(tracker)

    def frame(self, history: list[dict[str, Any]]) -> pd.DataFrame:
        """One row an epoch: ``epoch, step, train_loss, validation_ndcg@10, learning_rate``."""
        epochs: dict[int, dict[str, Any]] = {}
        for entry in history:
            row = epochs.setdefault(
                round(entry["epoch"]), {"epoch": round(entry["epoch"]), "step": entry["step"]}
            )
            row.update({NAMES[key]: value for key, value in entry.items() if key in NAMES})
        frame = pd.DataFrame(epochs.values(), columns=["epoch", "step", *NAMES.values()])
        return frame.dropna(subset=["validation_ndcg@10"]).reset_index(drop=True)


class _ToTracker(TrainerCallback):
    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        """Send what was just logged."""
        named = {NAMES[key]: value for key, value in (logs or {}).items() if key in NAMES}
        if named and state.is_world_process_zero:
            self._tracker.metrics(
                {f"training/{key}": value for key, value in named.items()}, step=state.global_step
            )


def plot_curve(frame: pd.DataFrame, path: Path) -> None:
    """Draw loss and validation NDCG@10 over the epochs."""
    figure, left = plt.subplots(figsize=(7, 3.6), layout="constrained")
    left.plot(frame["epoch"], frame["train_loss"], color="#8a7f72", marker="o", label="training loss")
    left.set(xlabel="epoch", ylabel="training loss")
    right = left.twinx()
    right.plot(
        frame["epoch"], frame["validation_ndcg@10"], color="#7a1f3d", marker="s", label="validation NDCG@10"
    )
    right.set_ylabel("validation NDCG@10")
    figure.legend(loc="upper center", ncols=2, frameon=False, fontsize=8)
    for axis in (left, right):
        axis.spines[["top"]].set_visible(False)
    figure.savefig(path, dpi=120, metadata={"Software": None})
    plt.close(figure)
