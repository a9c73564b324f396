"""A head of the pipeline as a classifier."""

from pathlib import Path

import numpy as np

from rec_assets.heads.checkpoint import CLASSIFIER_FILE
from rec_assets.heads.classifier import DecoderTrimmedClassifier
from rec_assets.heads.label_head import LabelHead
from rec_assets.heads.label_words import LabelWords
from rec_assets.heads.language_model import LanguageModel
from rec_assets.heads.state_scores import StateScorer


def from_label_head(folder: Path, base: Path) -> DecoderTrimmedClassifier:
    """Make a fitted classifier of a label head and the base model it was trained over.

    Parameters
    ----------
    folder
        Where :meth:`LabelHead.save` wrote, or a whole classifier was saved, which needs no base.
    base
        The base model's folder.
    """
    if (folder / CLASSIFIER_FILE).exists():
        return DecoderTrimmedClassifier.load(folder)
    head, language = LabelHead.load(folder), LanguageModel.load(base)
    # Argmax is over columns: the head's own order of labels is kept.
    made = DecoderTrimmedClassifier(language, list(head.labels), head.prompt, mode="linear")
    made.classes_, made.mode_, made.prior_ = np.array(head.labels), "linear", None
    made.words_ = LabelWords.of(head.labels)
    made.scorer_ = StateScorer(language, head)
    return made
