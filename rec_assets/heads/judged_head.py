"""Train one head on the catalogue's texts and let it, and what it has to beat, answer held-out rows."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import ValidationError

from rec_assets.errors import ParamsError
from rec_assets.heads.classifier import DecoderTrimmedClassifier
from rec_assets.heads.examples import Examples
from rec_assets.heads.features import check_layer, read_features
from rec_assets.heads.judge import majority, word_model
from rec_assets.heads.language_model import LanguageModel
from rec_assets.heads.penalty import choose_penalty
from rec_assets.heads.states import encode
from rec_assets.heads.verdict import MAJORITY
from rec_assets.params import Head

WORD_MODEL = "TF-IDF and logistic regression"


@dataclass(frozen=True)
class Answers:
    """What a head and its rivals said about N held-out rows.

    Parameters
    ----------
    truth
        Label indices, (N,).
    probabilities
        The head's, (N, n).
    rivals
        Name of each rule and its label indices, (N,): the most frequent label, and the baseline.
    labels
        The n labels.
    """

    truth: np.ndarray
    probabilities: np.ndarray
    rivals: dict[str, np.ndarray]
    labels: tuple[str, ...]


def train_head(
    language: LanguageModel, head: Head, name: str, examples: Examples, seed: int
) -> tuple[DecoderTrimmedClassifier, Answers]:
    """Fit a head on its training rows and let it, and the rules it has to beat, answer the test rows.

    Raises
    ------
    ParamsError
        When ``fine_tuning`` holds a key or value that does not fit.
    """
    texts = np.array(examples.texts, dtype=object)
    targets, test = examples.targets, examples.test
    names = np.array(examples.labels, dtype=object)
    classifier = DecoderTrimmedClassifier(
        language,
        list(examples.labels),
        head.prompt,
        head.mode,
        _words(head, examples.labels),
        head.multi_token,
        layer=head.layer,
        pooling=head.pooling,
        C=_penalty(language, head, list(texts[~test]), targets[~test], seed),
        fine_tuning=_fine_tuning(head, name, seed),
        random_state=seed,
    )
    classifier.fit(list(texts[~test]), list(names[targets[~test]]))
    place = [classifier.classes_.tolist().index(label) for label in examples.labels]
    told = list(texts[test])
    rivals = {
        MAJORITY: majority(targets[~test], len(told)),
        WORD_MODEL: word_model(list(texts[~test]), targets[~test], told, seed),
    }
    return classifier, Answers(
        targets[test], classifier.predict_proba(told)[:, place], rivals, examples.labels
    )


def _penalty(language: LanguageModel, head: Head, texts: list[str], targets: np.ndarray, seed: int) -> float:
    if head.C != "auto":
        return head.C
    if head.mode not in ("linear", "auto") or head.layer == "auto" or head.pooling == "auto":
        return 0.1  # the classifier compares layers with a penalty that it is given
    rows = [encode(language.tokenizer, head.prompt, text) for text in texts]
    states = read_features(language, rows, check_layer(language, head.layer), head.pooling)
    return choose_penalty(states.numpy(), targets, seed)


def _words(head: Head, labels: tuple[str, ...]) -> Any:
    if head.label_words is None or isinstance(head.label_words, str):
        return head.label_words
    return {label: list(head.label_words.get(label, (label,))) for label in labels}


def _fine_tuning(head: Head, name: str, seed: int) -> Any:
    if head.mode != "fine_tune":
        return None
    from rec_assets.heads.fine_tune_settings import FineTuneSettings  # loads the trainer

    try:
        return FineTuneSettings.model_validate({"seed": seed} | head.fine_tuning)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(("heads", name, "fine_tuning", *map(str, first["loc"])))
        raise ParamsError(
            f"{key}: {first['msg']} (found {first.get('input')!r}).", f"Change {key} in params.yaml."
        ) from error
