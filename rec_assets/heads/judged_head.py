"""Train one head on the catalogue's texts, judge it on held-out rows, and write both down."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from rec_assets.errors import ParamsError
from rec_assets.files import write_json
from rec_assets.heads.classifier import DecoderTrimmedClassifier
from rec_assets.heads.examples import Examples
from rec_assets.heads.explained_rows import explained_rows
from rec_assets.heads.features import check_layer, read_features
from rec_assets.heads.judge import confusion, majority, plot_confusion, scores, word_model
from rec_assets.heads.language_model import LanguageModel
from rec_assets.heads.penalty import choose_penalty
from rec_assets.heads.reliability import calibration_error, plot_reliability, reliability
from rec_assets.heads.states import encode
from rec_assets.heads.verdict import MAJORITY, falls_short
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


def write_page(folder: Path, name: str, answers: Answers, head: Head, more: dict[str, Any]) -> dict[str, Any]:
    """Write figures, confusion and calibration of one head into a new folder, and give the figures.

    Parameters
    ----------
    folder
        Made here.
    name
        The head's; part of the plots' names, which Dagster shows.
    answers
        What was answered; the second rival is the baseline.
    head
        Its ``tolerance``.
    more
        Further figures.
    """
    folder.mkdir(parents=True)
    truth, predicted = answers.truth, answers.probabilities.argmax(axis=1)
    table = reliability(truth, answers.probabilities)
    metrics: dict[str, Any] = {
        "head": scores(truth, predicted) | {"calibration_error": calibration_error(table)},
        **{rival: scores(truth, said) for rival, said in answers.rivals.items()},
        "baseline": next(rival for rival in answers.rivals if rival != MAJORITY),
        "falls_short": [
            rival
            for rival, said in answers.rivals.items()
            if falls_short(truth, predicted, said, head.tolerance)
        ],
        "labels": len(answers.labels),
        **more,
    }
    counts = confusion(truth, predicted, answers.labels)
    counts.to_csv(folder / "confusion.csv")
    table.to_csv(folder / "calibration.csv", index=False)
    title = f"{name}: accuracy {metrics['head']['accuracy']:.3f} on {len(truth)} test rows"
    plot_confusion(counts, title, folder / f"confusion_{name}.png")
    error = f"{name}: calibration error {metrics['head']['calibration_error']:.3f}"
    plot_reliability(table, error, folder / f"calibration_{name}.png")
    write_json(metrics, folder / "metrics.json")
    return metrics


def write_explained(
    folder: Path, classifier: DecoderTrimmedClassifier, examples: Examples, answers: Answers, seed: int
) -> None:
    """Write a few explained test rows beside the figures."""
    texts = [text for text, test in zip(examples.texts, examples.test, strict=True) if test]
    truth = [answers.labels[index] for index in answers.truth]
    predicted = [answers.labels[index] for index in answers.probabilities.argmax(axis=1)]
    write_json(explained_rows(classifier, texts, truth, predicted, seed), folder / "explained.json")


def _penalty(language: LanguageModel, head: Head, texts: list[str], targets: np.ndarray, seed: int) -> float:
    if head.C != "auto":
        return head.C
    if head.mode != "linear" or head.layer == "auto" or head.pooling == "auto":
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
