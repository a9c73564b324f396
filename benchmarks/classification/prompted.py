"""The product's classifier as it stands: prompted, or in the mode that it comes to by itself."""

import time

import numpy as np

from classification.assignment import Assignment, Outcome
from classification.bases import count_parameters, language_model
from rec_assets.heads.classifier import DecoderTrimmedClassifier
from rec_assets.heads.language_model import LanguageModel


def zero_shot(assignment: Assignment) -> Outcome:
    """Score label words after the prompt, calibrated as the recipe says; no labels are looked at."""
    return _prompted(assignment)


def channel(assignment: Assignment) -> Outcome:
    """Score the text after each label: P(text | label)."""
    return _prompted(assignment)


def few_shot(assignment: Assignment) -> Outcome:
    """Show examples in context before the text."""
    return _prompted(assignment)


def auto(assignment: Assignment) -> Outcome:
    """Try few_shot and a linear head on the examples, and take the better."""
    return _prompted(assignment)


def _prompted(assignment: Assignment) -> Outcome:
    config, labels = dict(assignment.config), assignment.task.labels
    words = config.pop("words") or [label.lower() for label in labels]
    language = LanguageModel(*language_model(str(assignment.base), assignment.layers))
    classifier = DecoderTrimmedClassifier(
        base=language,
        labels={
            label: [own] if isinstance(own, str) else own for label, own in zip(labels, words, strict=True)
        },
        random_state=assignment.seed,
        **config,
    )
    names = np.array(labels, object)
    start = time.perf_counter()
    classifier.fit(assignment.texts, names[assignment.targets])
    seconds = time.perf_counter() - start
    place = {label: index for index, label in enumerate(labels)}

    def classify(texts: list[str]) -> np.ndarray:
        return np.array([place[str(label)] for label in classifier.predict(texts)])

    predictions, count = classify(assignment.judged_texts), count_parameters(language.model)
    return Outcome(predictions, classify, seconds, count, notes={"mode": classifier.mode_})
