"""Rows of the cold-start benchmark: one a task and a model, pooled over dates."""

from typing import Any

import pandas as pd

from harness.hm_results import judged_on
from harness.pooled import pool
from rec_assets.columns import MODEL


def judged_rows(
    pairs: pd.DataFrame, model: str, runs: list[dict[str, Any]], command: str
) -> list[dict[str, Any]]:
    """Pool each task's pairs, and hold the model against the task's rules.

    Parameters
    ----------
    pairs
        ``task`` and what :func:`~harness.pooled.pool` reads.
    model
        The one that is no rule.
    runs
        Cost by seed: of training where it was not done before, and of ranking with model and rules together.
    """
    rows = []
    for task, own in pairs.groupby("task", sort=False):
        rules = sorted(set(own[MODEL]) - {model})
        for name, row in pool(own.drop(columns="task"), rules).items():
            rows.append(
                {
                    "task": task,
                    "model": name,
                    **row,
                    "judged": judged_on(own),
                    "seconds": round(sum(run["seconds"] for run in runs) / len(runs), 1),
                    "peak_mb": max(run["peak_mb"] for run in runs),
                    "parameters": None,
                    "seeds": [run["seed"] for run in runs],
                    "command": command,
                    "commit": ", ".join(sorted({run["commit"] for run in runs})),
                }
            )
    return rows
