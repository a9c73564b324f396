"""Figures of one run: how right, how fast, how large."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from harness.memory import peak_mb
from sklearn.metrics import accuracy_score, f1_score

from classification.assignment import Outcome

_SINGLE, _MANY = 20, 256


def scores(truth: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """Accuracy and macro-F1, as shares of one."""
    return {
        "accuracy": float(accuracy_score(truth, predicted)),
        "macro_f1": float(f1_score(truth, predicted, average="macro", zero_division=0)),
    }


def speed(classify: Callable[[list[str]], Any], texts: list[str]) -> dict[str, float]:
    """Milliseconds a single text (median), and texts a second when many are asked at once."""
    classify(texts[:2])  # kernels are chosen, caches filled
    single = []
    for text in texts[:_SINGLE]:
        start = time.perf_counter()
        classify([text])
        single.append(time.perf_counter() - start)
    many = texts[:_MANY]
    start = time.perf_counter()
    classify(many)
    seconds = time.perf_counter() - start
    return {"latency_ms": 1000 * float(np.median(single)), "texts_per_second": len(many) / seconds}


def figures(outcome: Outcome, truth: np.ndarray, texts: list[str]) -> dict[str, Any]:
    """Everything a run is reported by; memory is read last."""
    return {
        "metrics": scores(truth, outcome.predictions),
        "seconds": outcome.seconds,
        "parameters": outcome.parameters,
        "train_samples_per_second": outcome.train_samples_per_second,
        **speed(outcome.classify, texts),
        "peak_mb": peak_mb(),
        "notes": outcome.notes,
    }
