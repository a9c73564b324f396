"""A language model's trimmed decoder as a scikit-learn classifier of texts."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import NotFittedError

from rec_assets.heads.calibration import Calibration, calibrate, find_prior
from rec_assets.heads.checkpoint import read_checkpoint, write_checkpoint
from rec_assets.heads.features import Pooling
from rec_assets.heads.inputs import as_texts, label_array
from rec_assets.heads.label_words import LabelWords, Words
from rec_assets.heads.language_model import LanguageModel
from rec_assets.heads.modes import Mode, Prompted
from rec_assets.heads.plan import Plan
from rec_assets.heads.prompts import PromptTemplate
from rec_assets.heads.state_scores import StateScorer
from rec_assets.heads.states import TEXT_TOKENS
from rec_assets.heads.word_scores import MultiToken, WordScorer

# Parameters that a saved classifier keeps beside what its scorer knows; labels take their words with them.
_KEPT = (
    "multi_token",
    "calibration",
    "demonstrations",
    "layer",
    "pooling",
    "solver",
    "C",
    "epochs",
    "learning_rate",
)
_FEW = 10  # texts below which their mean answer tells no preference


class DecoderTrimmedClassifier(ClassifierMixin, BaseEstimator):
    r"""Classifies texts by a causal language model whose decoder is cut to label words.

    >>> words = {"positive": ["great", "good"], "negative": ["terrible", "bad"]}
    >>> clf = DecoderTrimmedClassifier(labels=words, prompt="{text}\nIt was")
    >>> clf.fit(texts, y)  # doctest: +SKIP
    >>> clf.predict(new_texts)  # doctest: +SKIP

    Parameters
    ----------
    base
        Folder of a checkpoint, a :class:`LanguageModel`, or none for the workspace's base model.
    labels
        ``{label: words}`` or a list of labels whose names are their words; none: read off ``y``.
    prompt
        Template with ``{text}``, a :class:`PromptTemplate`, or the name of one in ``prompts.TEMPLATES``.
    mode
        ``zero_shot``: label words alone. ``few_shot``: after solved examples. ``channel``: which label makes
        the text likely. ``linear``: a head trained on frozen states. ``fine_tune``: a head and the model
        under it. ``auto``: zero_shot without ``y``, else few_shot or linear, see
        :func:`rec_assets.heads.auto_mode.choose_mode`.
    label_words
        ``{label: words}`` for labels read off ``y``, or ``search``: the words that tell the labels apart best
        in the training texts.
    multi_token
        How words of several tokens are scored: ``sequence``, ``mean`` or ``trie``, see :class:`WordScorer`.
    calibration
        ``contextual``, ``domain``, ``batch`` or none; of the modes without training. ``batch`` takes the
        texts of ``fit``. Labels given at prediction are calibrated on these too; without any, on the texts
        asked about, or, where these are fewer than ten, as ``contextual``.
    demonstrations
        Solved examples of each label before the prompt (few_shot, channel); 0: two in few_shot.
    layer, pooling
        State that ``linear`` reads: a layer as in transformers' ``hidden_states``, none for the last;
        ``last`` token or ``mean``; ``auto``: by cross-validation on the training texts.
    solver, C, epochs, learning_rate
        Of ``linear``: ``logistic`` with inverse penalty ``C``, or ``head`` with epochs of gradient descent.
    fine_tuning
        :class:`rec_assets.heads.fine_tune.FineTuneSettings`, or a mapping of some; none: the defaults.
    text_tokens
        Tokens of a text that are read.
    random_state
        Seed of everything drawn; of fine-tuning too, unless ``fine_tuning`` names a seed.

    Attributes
    ----------
    classes_
        The n labels, sorted.
    mode_
        The mode that was fitted.
    words_
        Labels and their words, a :class:`LabelWords`.
    scorer_, prior_
        What scores texts, and the model's preference, (n,), or none.
    batch_
        With ``batch``: at most 200 of the fitted texts, drawn, for labels given at prediction.
    """

    def __init__(
        self,
        base: str | Path | LanguageModel | None = None,
        labels: Words | None = None,
        prompt: str | PromptTemplate | None = None,
        mode: Mode = "auto",
        label_words: Words | Literal["search"] | None = None,
        multi_token: MultiToken = "sequence",
        calibration: Calibration | None = "contextual",
        demonstrations: int = 0,
        layer: int | Literal["auto"] | None = "auto",
        pooling: Pooling | Literal["auto"] = "auto",
        solver: Literal["logistic", "head"] = "logistic",
        C: float = 0.1,
        epochs: int = 30,
        learning_rate: float = 0.003,
        fine_tuning: Any = None,
        text_tokens: int = TEXT_TOKENS,
        random_state: Any = 0,
    ) -> None:
        self.base = base
        self.labels = labels
        self.prompt = prompt
        self.mode = mode
        self.label_words = label_words
        self.multi_token = multi_token
        self.calibration = calibration
        self.demonstrations = demonstrations
        self.layer = layer
        self.pooling = pooling
        self.solver = solver
        self.C = C
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.fine_tuning = fine_tuning
        self.text_tokens = text_tokens
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        tags.target_tags.required = False
        return tags

    def fit(self, X: Any = None, y: Any = None) -> "DecoderTrimmedClassifier":
        """Make the classifier ready.

        Parameters
        ----------
        X
            N texts; without labels only a calibration uses them. None is enough for zero_shot and channel.
        y
            Their N labels.

        Raises
        ------
        HeadError
            When labels are missing, disagree with ``labels``, or the mode needs some; or a parameter is
            unknown.
        """
        plan = Plan.of(self, X, y)
        fitted = plan.carry_out(LanguageModel.of(self.base))
        self.classes_, self.mode_, self.words_ = plan.classes, fitted.mode, fitted.words
        self.scorer_, self.prior_, self.batch_ = fitted.scorer, fitted.prior, plan.batch()
        return self

    def predict_proba(self, X: Any, labels: Words | None = None) -> np.ndarray:
        """Give the labels' probabilities, (N, n).

        Parameters
        ----------
        X
            N texts.
        labels
            Other labels for these texts alone, scored by their words as in zero_shot; columns come in the
            order given. None: ``classes_``.
        """
        return np.exp(self.predict_log_proba(X, labels))

    def predict_log_proba(self, X: Any, labels: Words | None = None) -> np.ndarray:
        """Give the probabilities' logarithms, (N, n), which do not underflow; see :meth:`predict_proba`."""
        return self._scores(as_texts(X), None if labels is None else LabelWords.of(labels))

    def predict(self, X: Any, labels: Words | None = None) -> np.ndarray:
        """Choose a label for each text, (N,); ``labels`` as in :meth:`predict_proba`."""
        words = None if labels is None else LabelWords.of(labels)
        best = self._scores(as_texts(X), words).argmax(axis=1)
        return np.asarray((self.classes_ if words is None else label_array(words.labels))[best])

    def explain(
        self, text: str, label: Any = None, method: str = "leave_one_out", unit: str = "word"
    ) -> list[Any]:
        """Say how much each part of a text speaks for a label; see :mod:`rec_assets.heads.explain`."""
        from rec_assets.heads.explain import explain

        return explain(self, text, label, method, unit)

    def save(self, folder: Path | str) -> dict[str, int]:
        """Write a small checkpoint that needs no base model, and count what was saved by trimming."""
        self._check_fitted()
        told = {name: getattr(self, name) for name in _KEPT}
        words = list(zip(self.classes_.tolist(), self.words_.words, strict=True))
        return write_checkpoint(
            Path(folder), self.scorer_, self.prior_, self.classes_, self.mode_, told | {"words": words}
        )

    @classmethod
    def load(cls, folder: Path | str) -> "DecoderTrimmedClassifier":
        """Read what :meth:`save` wrote; it answers with the same bits, for the same labels."""
        saved = read_checkpoint(Path(folder))
        made = cls.around(saved.scorer, saved.labels, saved.mode, saved.prior)
        told = dict(saved.parameters)
        made.labels = {label: tuple(words) for label, words in told.pop("words")}
        made.words_ = LabelWords.of(made.labels)
        return made.set_params(**told)

    @classmethod
    def around(
        cls, scorer: WordScorer | StateScorer, labels: np.ndarray, mode: Mode, prior: np.ndarray | None = None
    ) -> "DecoderTrimmedClassifier":
        """Make a fitted classifier of what scores texts, and its n labels in the order of the scores."""
        names = labels.tolist()
        made = cls(scorer.language, names, scorer.prompt, mode, text_tokens=scorer.text_tokens)
        made.classes_, made.mode_, made.words_ = labels, mode, LabelWords.of(names)
        made.scorer_, made.prior_, made.batch_ = scorer, prior, []
        return made

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "scorer_")

    def _check_fitted(self) -> None:
        if hasattr(self, "scorer_"):
            return
        if self.labels is None or self.mode not in ("auto", "zero_shot", "channel"):
            raise NotFittedError(
                f"This {type(self).__name__} is not fitted yet. Call fit, or give labels for zero_shot."
            )
        self.fit()  # label words alone need no training

    def _scores(self, texts: Sequence[str], words: LabelWords | None) -> np.ndarray:
        if words is None:
            self._check_fitted()
            return calibrate(self.scorer_.scores(texts), self.prior_)
        shared = hasattr(self, "scorer_") and self.mode_ != "fine_tune"
        language = self.scorer_.language if shared else LanguageModel.of(self.base)
        given = Prompted(language, PromptTemplate.of(self.prompt), words, self.text_tokens)
        scorer = given.channel_scorer() if self.mode == "channel" else given.word_scorer(self.multi_token)
        method, told = self.calibration, list(texts)
        if method == "batch":
            told = getattr(self, "batch_", []) or told
            # The mean of few answers is the answers themselves: divided by it, they would say nothing.
            method = "contextual" if len(told) < _FEW else method
        return calibrate(scorer.scores(texts), find_prior(method, scorer, told))
