"""What one head's test rows say of it: figures, confusion, calibration and a few explained rows, as files."""

from pathlib import Path
from typing import Any

from rec_assets.files import write_json
from rec_assets.heads.classifier import DecoderTrimmedClassifier
from rec_assets.heads.examples import Examples
from rec_assets.heads.explained_rows import explained_rows
from rec_assets.heads.judge import confusion, plot_confusion, scores
from rec_assets.heads.judged_head import Answers
from rec_assets.heads.reliability import calibration_error, plot_reliability, reliability
from rec_assets.heads.verdict import MAJORITY, falls_short
from rec_assets.params import Head


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
