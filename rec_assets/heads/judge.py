"""How well a head classifies, beside the rules it has to beat."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score

from rec_assets.files import atomic_file

_SHOWN_LABELS = 30  # more cannot be read on a plot; the CSV has all


def scores(truth: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """Accuracy, and F1 averaged over labels whatever their size (macro-F1)."""
    return {
        "accuracy": float(accuracy_score(truth, predicted)),
        "macro_f1": float(f1_score(truth, predicted, average="macro", zero_division=0)),
    }


def majority(train: np.ndarray, size: int) -> np.ndarray:
    """Predict the most frequent training label ``size`` times."""
    return np.full(size, np.bincount(train).argmax())


def word_model(train: list[str], targets: np.ndarray, test: list[str], seed: int) -> np.ndarray:
    """Predict with TF-IDF of words and word pairs and a logistic regression, trained on the same rows."""
    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    try:
        features = words.fit_transform(train)
    except ValueError:  # no word occurs twice: nothing to learn from
        return majority(targets, len(test))
    regression = LogisticRegression(C=30, max_iter=200, random_state=seed).fit(features, targets)
    predicted: np.ndarray = regression.predict(words.transform(test))
    return predicted


def confusion(truth: np.ndarray, predicted: np.ndarray, labels: tuple[str, ...]) -> pd.DataFrame:
    """Count test rows by true label (rows) and predicted label (columns)."""
    counts = confusion_matrix(truth, predicted, labels=range(len(labels)))
    return pd.DataFrame(counts, index=pd.Index(labels, name="true"), columns=list(labels))


def plot_confusion(counts: pd.DataFrame, title: str, path: Path) -> None:
    """Draw the confusion of the most frequent labels as a share of each true label."""
    totals = counts.sum(axis=1)
    shown = totals.sort_values(ascending=False, kind="stable").index[:_SHOWN_LABELS]
    shares = counts.loc[shown, shown].div(totals[shown].clip(lower=1), axis=0)
    size = 2.5 + 0.28 * len(shown)
    figure, axes = plt.subplots(figsize=(size + 1, size), layout="constrained")
    image = axes.imshow(shares, vmin=0, vmax=1, cmap="Blues")
    axes.set_xticks(range(len(shown)), shown, rotation=90, fontsize=8)
    axes.set_yticks(range(len(shown)), [f"{label} ({totals[label]})" for label in shown], fontsize=8)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true (test rows)")
    axes.set_title(title, fontsize=10)
    figure.colorbar(image, ax=axes, label="share of the true label", shrink=0.7)
    with atomic_file(path) as part:
        # Without the version of matplotlib in the file, the same numbers give the same bytes.
        figure.savefig(part, dpi=120, format="png", metadata={"Software": None})
    plt.close(figure)
