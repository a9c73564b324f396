"""A head of the pipeline on disk, and as a classifier."""

from pathlib import Path
from typing import Any

import numpy as np

from rec_assets.files import read_json, write_json
from rec_assets.heads.checkpoint import CLASSIFIER_FILE
from rec_assets.heads.classifier import DecoderTrimmedClassifier
from rec_assets.heads.label_head import LabelHead
from rec_assets.heads.language_model import LanguageModel
from rec_assets.heads.state_scores import StateScorer
from rec_assets.heads.states import TEXT_TOKENS

READING_FILE = "reading.json"


def save_beside_base(classifier: DecoderTrimmedClassifier, folder: Path) -> None:
    """Write a fitted classifier for use beside its base model.

    One on frozen states is its head alone, kilobytes; any other is written whole, as
    :meth:`DecoderTrimmedClassifier.save` does.
    """
    scorer = classifier.scorer_
    if classifier.mode_ != "linear" or not isinstance(scorer, StateScorer):
        classifier.save(folder)
        return
    folder.mkdir()
    scorer.head.save(folder)
    write_json(
        {"layer": scorer.layer, "pooling": scorer.pooling, "text_tokens": scorer.text_tokens},
        folder / READING_FILE,
    )


def from_label_head(folder: Path, base: Path) -> DecoderTrimmedClassifier:
    """Make a fitted classifier of a label head and the base model it was trained over.

    Parameters
    ----------
    folder
        Where :func:`save_beside_base` or :meth:`LabelHead.save` wrote, or a whole classifier was saved, which
        needs no base.
    base
        The base model's folder.
    """
    if (folder / CLASSIFIER_FILE).exists():
        return DecoderTrimmedClassifier.load(folder)
    head, language = LabelHead.load(folder), LanguageModel.load(base)
    path = folder / READING_FILE
    reading: dict[str, Any] = read_json(path) if path.exists() else {"layer": None, "pooling": "last"}
    scorer = StateScorer(
        language,
        head,
        layer=reading["layer"],
        pooling=reading["pooling"],
        text_tokens=reading.get("text_tokens", TEXT_TOKENS),
    )
    # Argmax is over columns: the head's own order of labels is kept.
    return DecoderTrimmedClassifier.around(scorer, np.array(head.labels), "linear")
