"""A frozen sentence encoder under logistic regression."""

import hashlib
import time
from collections.abc import Iterator

import numpy as np
from sklearn.linear_model import LogisticRegression

from classification.assignment import Assignment, Outcome
from classification.bases import count_parameters, sentence_encoder
from classification.row_cache import RowCache


def sentence_encoder_lr(assignment: Assignment) -> Outcome:
    """Embed texts with all-MiniLM-L6-v2 and fit logistic regression, ``C`` out of the recipe."""
    task, encoder = assignment.task, sentence_encoder()
    digest = hashlib.sha256("\n".join(task.texts).encode()).hexdigest()[:10]
    path = assignment.files / "states" / f"{task.name}-minilm-{digest}"
    cache = RowCache(path, 1, len(task.texts), encoder.width)

    def compute(rows: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for places, vectors in encoder.batches(task.said(rows)):
            yield rows[places], vectors[None]

    cache.fill(np.union1d(assignment.train, assignment.judged), compute)
    head = LogisticRegression(C=assignment.config["C"], max_iter=1000)
    start = time.perf_counter()
    head.fit(cache.read(0, assignment.train), assignment.targets)
    seconds = time.perf_counter() - start
    return Outcome(
        head.predict(cache.read(0, assignment.judged)),
        lambda texts: head.predict(encoder.embed(texts)),
        seconds,
        count_parameters(encoder) + int(head.coef_.size + head.intercept_.size),
        len(assignment.train) / seconds,
    )
