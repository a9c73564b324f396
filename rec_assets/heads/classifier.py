"""A language model's trimmed decoder as a scikit-learn classifier of texts."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import NotFittedError
from sklearn.utils import check_random_state

from rec_assets.heads.calibration import Calibration, calibrate, find_prior
from rec_assets.heads.checkpoint import Mode, read_checkpoint, write_checkpoint
from rec_assets.heads.demonstrations import choose_demonstrations
from rec_assets.heads.errors import HeadError
from rec_assets.heads.features import Pooling
from rec_assets.heads.inputs import as_targets, as_texts, choose_classes, label_array
from rec_assets.heads.label_words import LabelWords, Words
from rec_assets.heads.language_model import LanguageModel
from rec_assets.heads.modes import Prompted, choose_mode, fine_tuned_scorer, linear_scorer
from rec_assets.heads.prompts import PromptTemplate
from rec_assets.heads.states import TEXT_TOKENS, encode, last_states
from rec_assets.heads.word_scores import MultiToken
from rec_assets.heads.word_search import search_label_words

_MODES = ("auto", "zero_shot", "few_shot", "channel", "linear", "fine_tune")
_SOLVED = 2  # demonstrations of each label in few_shot, unless a number is given


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
        under it. ``auto``: zero_shot without ``y``, few_shot below four texts of any label, else linear.
    label_words
        ``{label: words}`` for labels read off ``y``, or ``search``: the words that tell the labels apart best
        in the training texts.
    multi_token
        How words of several tokens are scored: ``sequence``, ``mean`` or ``trie``, see :class:`WordScorer`.
    calibration
        ``contextual``, ``domain``, ``batch`` or none; of the modes without training.
    demonstrations
        Solved examples of each label before the prompt (few_shot, channel); 0: two in few_shot.
    layer, pooling
        State that ``linear`` reads: a layer as in transformers' ``hidden_states``, none for the last;
        ``last`` token or ``mean``; ``auto``: by cross-validation on the training texts.
    solver, C, epochs, learning_rate
        Of ``linear``: ``logistic`` with inverse penalty ``C``, or ``head`` with epochs of gradient descent.
    fine_tuning
        :class:`rec_assets.heads.fine_tune.FineTuneSettings`; none: its defaults.
    text_tokens
        Tokens of a text that are read.
    random_state
        Seed of everything drawn.

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
        if self.mode not in _MODES:
            raise HeadError(f"There is no mode {self.mode!r}.", f"Choose one of: {', '.join(_MODES)}.")
        texts = [] if X is None else as_texts(X)
        seen, found = (None, None) if y is None else as_targets(y, len(texts))
        classes = choose_classes(self.labels, seen)
        targets = None if found is None or seen is None else np.searchsorted(classes, seen)[found]
        mode: Mode = choose_mode(targets) if self.mode == "auto" else self.mode
        if targets is None and (mode in ("few_shot", "linear", "fine_tune") or self.label_words == "search"):
            needs = mode if self.label_words != "search" else "label_words='search'"
            raise HeadError(
                f"{needs} needs labelled texts; requires y to be passed, but the target y is None.",
                "Give fit texts and labels, or choose zero_shot.",
            )
        seed = int(check_random_state(self.random_state or 0).randint(2**31 - 1))
        language, template = self._language(), PromptTemplate.of(self.prompt)
        words = self._words(language, template, classes.tolist(), texts, targets)
        given = Prompted(language, template, words, self.text_tokens)
        per_label = self.demonstrations or (_SOLVED if mode == "few_shot" else 0)
        solved = (
            []
            if targets is None or mode not in ("few_shot", "channel")
            else choose_demonstrations(texts, targets, per_label, seed)
        )
        scorer: Any
        if mode in ("zero_shot", "few_shot"):
            scorer = given.word_scorer(self.multi_token, solved)
        elif mode == "channel":
            scorer = given.channel_scorer(solved)
        elif mode == "linear":
            assert targets is not None  # refused above
            scorer = linear_scorer(
                given,
                texts,
                targets,
                layer=self.layer,
                pooling=self.pooling,
                solver=self.solver,
                C=self.C,
                epochs=self.epochs,
                learning_rate=self.learning_rate,
                seed=seed,
            )
        else:
            assert targets is not None  # refused above
            scorer = fine_tuned_scorer(given, texts, targets, self.fine_tuning, seed)
        trained = mode in ("linear", "fine_tune")
        self.prior_ = None if trained else find_prior(self.calibration, scorer, texts, seed)
        self.classes_, self.mode_, self.words_, self.scorer_ = classes, mode, words, scorer
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
        return np.exp(self._scores(as_texts(X), None if labels is None else LabelWords.of(labels)))

    def predict(self, X: Any, labels: Words | None = None) -> np.ndarray:
        """Choose a label for each text, (N,); ``labels`` as in :meth:`predict_proba`."""
        texts = as_texts(X)
        if labels is None:
            best = self._scores(texts, None).argmax(axis=1)
            return np.asarray(self.classes_[best])
        words = LabelWords.of(labels)
        return np.asarray(label_array(words.labels)[self._scores(texts, words).argmax(axis=1)])

    def explain(
        self, text: str, label: Any = None, method: str = "leave_one_out", unit: str = "word"
    ) -> list[Any]:
        """Say how much each part of a text speaks for a label; see :mod:`rec_assets.heads.explain`."""
        from rec_assets.heads.explain import explain

        return explain(self, text, label, method, unit)

    def save(self, folder: Path | str) -> dict[str, int]:
        """Write a small checkpoint that needs no base model, and count what was saved by trimming."""
        self._check_fitted()
        return write_checkpoint(Path(folder), self.scorer_, self.prior_, self.classes_, self.mode_)

    @classmethod
    def load(cls, folder: Path | str) -> "DecoderTrimmedClassifier":
        """Read what :meth:`save` wrote; it answers with the same bits, for the same labels."""
        saved = read_checkpoint(Path(folder))
        loaded = cls(base=saved.scorer.language, labels=saved.labels.tolist(), mode=saved.mode)
        loaded.classes_, loaded.mode_, loaded.prior_ = saved.labels, saved.mode, saved.prior
        loaded.words_ = LabelWords.of(saved.labels.tolist())
        loaded.scorer_ = saved.scorer
        return loaded

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
        fitted = hasattr(self, "scorer_")
        language = self.scorer_.language if fitted and self.mode_ != "fine_tune" else self._language()
        given = Prompted(language, PromptTemplate.of(self.prompt), words, self.text_tokens)
        scorer = given.channel_scorer() if self.mode == "channel" else given.word_scorer(self.multi_token)
        return calibrate(scorer.scores(texts), find_prior(self.calibration, scorer, texts))

    def _language(self) -> LanguageModel:
        if isinstance(self.base, LanguageModel):
            return self.base
        if self.base is None:
            from rec_assets.workspace import Workspace

            return LanguageModel.load(Workspace.find().base_model)
        return LanguageModel.load(self.base)

    def _words(
        self,
        language: LanguageModel,
        template: PromptTemplate,
        classes: list[Any],
        texts: list[str],
        targets: np.ndarray | None,
    ) -> LabelWords:
        if isinstance(self.label_words, str):
            if self.label_words != "search":
                raise HeadError(f"label_words is {self.label_words!r}.", "Give {label: words} or 'search'.")
            assert targets is not None  # refused in fit
            rows = [
                encode(language.tokenizer, template.prompt, text, text_tokens=self.text_tokens)
                for text in texts
            ]
            return search_label_words(language, last_states(language.model, rows), targets, classes)
        given: Words = self.label_words or self.labels or classes
        return LabelWords.of(given).in_order(classes)
