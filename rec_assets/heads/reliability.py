"""Whether a classifier is right as often as it says."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from rec_assets.files import atomic_file

BINS = 10


def reliability(truth: np.ndarray, probabilities: np.ndarray, bins: int = BINS) -> pd.DataFrame:
    """Compare confidence with accuracy, by bins of equal width of the highest probability.

    Parameters
    ----------
    truth
        Label indices, (N,).
    probabilities
        (N, n).
    bins
        Parts of [0, 1].

    Returns
    -------
    pandas.DataFrame
        One row a bin that is not empty: ``from``, ``to``, ``rows``, ``confidence``, ``accuracy``.
    """
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    return pd.DataFrame(
        [
            {
                "from": number / bins,
                "to": (number + 1) / bins,
                "rows": int(inside.sum()),
                "confidence": float(confidence[inside].mean()),
                "accuracy": float(right[inside].mean()),
            }
            for number in range(bins)
            if (inside := place == number).any()
        ],
        columns=["from", "to", "rows", "confidence", "accuracy"],
    )


def calibration_error(table: pd.DataFrame) -> float:
    """Compute the expected calibration error (Guo et al. 2017, arXiv 1706.04599) of a reliability table."""
    gaps = (table["confidence"] - table["accuracy"]).abs() * table["rows"]
    return float(gaps.sum() / max(1, table["rows"].sum()))


def plot_reliability(table: pd.DataFrame, title: str, path: Path) -> None:
    """Draw accuracy over confidence beside the diagonal; a dot's area grows with its rows."""
    figure, axes = plt.subplots(figsize=(4, 4), layout="constrained")
    axes.plot([0, 1], [0, 1], color="#9aa4a9", linewidth=1)
    axes.plot(table["confidence"], table["accuracy"], color="#1f77b4", linewidth=1)
    areas = 20 + 180 * table["rows"] / max(1, table["rows"].max() if len(table) else 1)
    axes.scatter(table["confidence"], table["accuracy"], s=areas, color="#1f77b4")
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02), xlabel="confidence", ylabel="accuracy (test rows)")
    axes.set_title(title, fontsize=10)
    with atomic_file(path) as part:
        figure.savefig(part, dpi=120, format="png", metadata={"Software": None})
    plt.close(figure)
