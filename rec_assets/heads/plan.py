"""What fitting a classifier comes to: checked and decided before a model is loaded, then carried out."""

from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any, Literal, Protocol

import numpy as np
from sklearn.utils import check_random_state

from rec_assets.heads.auto_mode import choose_mode
from rec_assets.heads.calibration import Calibration, calibrate, check_calibration, find_prior
from rec_assets.heads.channel import ChannelScorer
from rec_assets.heads.demonstrations import choose_demonstrations
from rec_assets.heads.errors import HeadError
from rec_assets.heads.features import POOLINGS, Pooling
from rec_assets.heads.inputs import as_targets, as_texts, choose_classes
from rec_assets.heads.label_words import LabelWords, Words
from rec_assets.heads.language_model import LanguageModel
from rec_assets.heads.modes import MODES, Mode, Prompted, fine_tuned_scorer, linear_scorer
from rec_assets.heads.prompts import PromptTemplate
from rec_assets.heads.state_scores import StateScorer
from rec_assets.heads.states import encode, last_states
from rec_assets.heads.word_scores import MultiToken, WordScorer, check_multi_token
from rec_assets.heads.word_search import search_label_words

_SOLVED = 2  # demonstrations of each label in few_shot, unless a number is given
_BATCH = 200  # texts kept for calibrating labels that are given at prediction


class Recipe(Protocol):
    """Parameters of :class:`rec_assets.heads.classifier.DecoderTrimmedClassifier`, which explains them."""

    labels: Words | None
    prompt: str | PromptTemplate | None
    mode: Mode
    label_words: Words | Literal["search"] | None
    multi_token: MultiToken
    calibration: Calibration | None
    demonstrations: int
    layer: int | Literal["auto"] | None
    pooling: Pooling | Literal["auto"]
    solver: Literal["logistic", "head"]
    C: float
    epochs: int
    learning_rate: float
    fine_tuning: Any
    text_tokens: int
    random_state: Any


@dataclass(frozen=True)
class Fitted:
    """What answers for a fitted classifier.

    Parameters
    ----------
    mode
        Never ``auto``.
    scorer
        Scores texts.
    prior
        The model's preference, (n,), or none.
    words
        Words of the n labels.
    """

    mode: Mode
    scorer: WordScorer | StateScorer | ChannelScorer
    prior: np.ndarray | None
    words: LabelWords

    def answers(self, texts: list[str]) -> np.ndarray:
        """Choose a label's index for each of N texts, (N,)."""
        best: np.ndarray = calibrate(self.scorer.scores(texts), self.prior).argmax(axis=1)
        return best


@dataclass(frozen=True)
class Plan:
    """A fit that can be carried out.

    Parameters
    ----------
    recipe
        How.
    mode
        ``auto`` only with targets.
    classes
        The n labels, sorted.
    texts
        N texts, or none.
    targets
        Their labels' indices, (N,), or none.
    seed
        Of everything drawn.
    """

    recipe: Recipe
    mode: Mode
    classes: np.ndarray
    texts: list[str]
    targets: np.ndarray | None
    seed: int

    @classmethod
    def of(cls, recipe: Recipe, X: Any, y: Any) -> "Plan":
        """Make a plan of what ``fit`` was given.

        Raises
        ------
        HeadError
            When labels are missing or of several types, disagree with the recipe's, or the mode needs some;
            or a parameter is none of its choices.
        """
        _check(recipe)
        searched = isinstance(recipe.label_words, str)
        if searched and recipe.label_words != "search":
            raise HeadError(f"label_words is {recipe.label_words!r}.", "Give {label: words} or 'search'.")
        texts = [] if X is None else as_texts(X)
        seen, found = (None, None) if y is None else as_targets(y, len(texts))
        classes = choose_classes(recipe.labels, seen)
        targets = None if found is None or seen is None else np.searchsorted(classes, seen)[found]
        mode: Mode = "zero_shot" if recipe.mode == "auto" and targets is None else recipe.mode
        if targets is None and (mode in ("few_shot", "linear", "fine_tune") or searched):
            needs = "label_words='search'" if searched else mode
            raise HeadError(
                f"{needs} needs labelled texts; requires y to be passed, but the target y is None.",
                "Give fit texts and labels, or choose zero_shot.",
            )
        seed = int(check_random_state(recipe.random_state or 0).randint(2**31 - 1))
        return cls(recipe, mode, classes, texts, targets, seed)

    def batch(self) -> list[str]:
        """Draw the texts that a ``batch`` calibration reads for labels given later; none for any other."""
        if self.recipe.calibration != "batch":
            return []
        drawn = np.random.default_rng(self.seed).permutation(len(self.texts))[:_BATCH]
        return [self.texts[place] for place in sorted(drawn.tolist())]

    def carry_out(self, language: LanguageModel) -> Fitted:
        """Find the label words, make or train what scores texts, and measure the model's preference."""
        if self.mode == "auto":
            return self._carry_out_better(language)
        template = PromptTemplate.of(self.recipe.prompt)
        words = self._words(language, template)
        scorer = self._scorer(Prompted(language, template, words, self.recipe.text_tokens))
        trained = self.mode in ("linear", "fine_tune")
        prior = None if trained else find_prior(self.recipe.calibration, scorer, self.texts, self.seed)
        return Fitted(self.mode, scorer, prior, words)

    def _carry_out_better(self, language: LanguageModel) -> Fitted:
        """Carry out few_shot where it is the better one and can be, else linear."""
        assert self.targets is not None  # without them auto is zero_shot

        def trial(mode: Mode, learnt: np.ndarray, asked: np.ndarray) -> np.ndarray | None:
            fitted = self._learnt(language, mode, learnt)
            if fitted is None or (isinstance(fitted.scorer, WordScorer) and fitted.scorer.needs_vocabulary):
                return None  # the latter could not be saved
            return fitted.answers([self.texts[place] for place in asked.tolist()])

        found = None
        if choose_mode(trial, self.texts, self.targets, len(self.classes), self.seed) == "few_shot":
            found = self._learnt(language, "few_shot", np.arange(len(self.texts)))
        return found or replace(self, mode="linear").carry_out(language)

    def _learnt(self, language: LanguageModel, mode: Mode, places: np.ndarray) -> Fitted | None:
        """Carry out a mode on some of the texts; none where it is refused, as examples too long are."""
        assert self.targets is not None
        texts = [self.texts[place] for place in places.tolist()]
        try:
            return replace(self, mode=mode, texts=texts, targets=self.targets[places]).carry_out(language)
        except HeadError:
            return None

    def _words(self, language: LanguageModel, template: PromptTemplate) -> LabelWords:
        recipe, classes = self.recipe, self.classes.tolist()
        if isinstance(recipe.label_words, str):  # search
            if self.mode == "linear" and recipe.solver == "logistic":
                return LabelWords.of(classes)  # it reads none
            assert self.targets is not None  # refused by of
            rows = [
                encode(language.tokenizer, template.prompt, text, text_tokens=recipe.text_tokens)
                for text in self.texts
            ]
            return search_label_words(language, last_states(language.model, rows), self.targets, classes)
        given: Words = classes if recipe.labels is None else recipe.labels
        if recipe.label_words is not None:
            given = recipe.label_words
        return LabelWords.of(given).in_order(classes)

    def _scorer(self, given: Prompted) -> WordScorer | StateScorer | ChannelScorer:
        recipe = self.recipe
        if self.mode == "zero_shot":
            return given.word_scorer(recipe.multi_token)
        if self.mode == "few_shot":
            return given.word_scorer(recipe.multi_token, self._solved(recipe.demonstrations or _SOLVED))
        if self.mode == "channel":
            return given.channel_scorer(self._solved(recipe.demonstrations))
        assert self.targets is not None  # refused by of
        if self.mode == "fine_tune":
            return fine_tuned_scorer(given, self.texts, self.targets, recipe.fine_tuning, self.seed)
        return linear_scorer(
            given,
            self.texts,
            self.targets,
            layer=recipe.layer,
            pooling=recipe.pooling,
            solver=recipe.solver,
            C=recipe.C,
            epochs=recipe.epochs,
            learning_rate=recipe.learning_rate,
            seed=self.seed,
        )

    def _solved(self, per_label: int) -> list[tuple[str, int]]:
        if self.targets is None:
            return []
        return choose_demonstrations(self.texts, self.targets, per_label, self.seed)


def _check(recipe: Recipe) -> None:
    """Refuse parameters that are none of their choices, before a model is loaded."""
    if recipe.mode not in MODES:
        raise HeadError(f"There is no mode {recipe.mode!r}.", f"Choose one of: {', '.join(MODES)}.")
    check_multi_token(recipe.multi_token)
    check_calibration(recipe.calibration)
    if recipe.pooling not in (*POOLINGS, "auto"):
        raise HeadError(f"There is no pooling {recipe.pooling!r}.", f"Choose {', '.join(POOLINGS)} or auto.")
    layer: Any = recipe.layer
    numbered = isinstance(layer, Integral) and not isinstance(layer, bool)
    if not numbered and layer not in ("auto", None):
        raise HeadError(f"There is no layer {layer!r}.", "Choose a layer's number, auto or None.")
    if recipe.solver not in ("logistic", "head"):
        raise HeadError(f"There is no solver {recipe.solver!r}.", "Choose logistic or head.")
    for name, least in (("demonstrations", 0), ("text_tokens", 1)):
        number = getattr(recipe, name)
        if number < least:
            raise HeadError(f"{name} is {number}.", f"Give {least} or more.")
