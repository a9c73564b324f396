"""Rules and words: the majority label, and TF-IDF with logistic regression."""

import time

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union

from classification.assignment import Assignment, Outcome


def majority(assignment: Assignment) -> Outcome:
    """Answer with the most frequent training label."""
    label = int(np.bincount(assignment.targets).argmax())

    def classify(texts: list[str]) -> np.ndarray:
        return np.full(len(texts), label)

    return Outcome(classify(assignment.judged_texts), classify, 0.0, 1)


def tfidf_lr(assignment: Assignment) -> Outcome:
    """Word 1-2-grams and character 2-5-grams within words, logistic regression."""
    model = make_pipeline(
        make_union(
            TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
            TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True),
        ),
        LogisticRegression(C=assignment.config["C"], max_iter=1000),
    )
    start = time.perf_counter()
    model.fit(assignment.texts, assignment.targets)
    seconds = time.perf_counter() - start
    regression = model[-1]
    return Outcome(
        model.predict(assignment.judged_texts),
        model.predict,
        seconds,
        int(regression.coef_.size + regression.intercept_.size),
        len(assignment.train) / seconds,
    )
