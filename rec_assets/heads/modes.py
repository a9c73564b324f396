"""The ways a trimmed decoder can be made a classifier, each giving something that scores texts."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch

from rec_assets.backbone.load import load_base
from rec_assets.backbone.merge import merge_adapters
from rec_assets.backbone.trim import LogitScaling, TrimmedDecoder
from rec_assets.heads.averaged_scores import add_regression
from rec_assets.heads.channel import ChannelScorer
from rec_assets.heads.demonstrations import demonstration_tokens
from rec_assets.heads.errors import HeadError
from rec_assets.heads.features import Pooling, check_layer, read_all_layers, read_features
from rec_assets.heads.label_head import LabelHead
from rec_assets.heads.label_words import LabelWords
from rec_assets.heads.language_model import LanguageModel
from rec_assets.heads.linear import choose_features, logistic_head
from rec_assets.heads.prompts import TEXT, PromptTemplate
from rec_assets.heads.state_scores import StateScorer
from rec_assets.heads.states import encode
from rec_assets.heads.word_scores import MultiToken, WordScorer

Mode = Literal["auto", "zero_shot", "few_shot", "channel", "linear", "fine_tune"]
MODES: tuple[Mode, ...] = get_args(Mode)

Demonstrations = Sequence[tuple[str, int]]
_COMPARED = 1000  # texts on which layers are compared


@dataclass(frozen=True)
class Prompted:
    """Everything the modes without training share.

    Parameters
    ----------
    language, template, words
        The model, the prompt, and the n labels' words.
    text_tokens
        Tokens of a text that are read.
    """

    language: LanguageModel
    template: PromptTemplate
    words: LabelWords
    text_tokens: int

    def word_scorer(self, multi_token: MultiToken, solved: Demonstrations = ()) -> WordScorer:
        """Score words at the prompt's end, after ``solved`` examples (text, label index)."""
        written = [
            (self.template.demonstration(TEXT, self._word(label)), self._cut(text)) for text, label in solved
        ]
        ended = multi_token != "mean"  # a mean may rise with a word that is added
        return WordScorer(
            self.language,
            self.template.prompt,
            self.words.sequences(self.language.tokenizer, ended=ended),
            multi_token=multi_token,
            demonstrations=self._checked(demonstration_tokens(self.language, written)) if written else (),
            text_tokens=self.text_tokens,
        )

    def channel_scorer(self, solved: Demonstrations = ()) -> ChannelScorer:
        """Score texts after each label's words."""
        written = [
            (self.template.channel_demonstration(TEXT, self._word(label)), self._cut(text))
            for text, label in solved
        ]
        tokens = demonstration_tokens(self.language, written) if written else ()
        return ChannelScorer(
            self.language,
            [[self.template.before_text(word) for word in own] for own in self.words.words],
            self._checked(tokens),
            self.text_tokens,
        )

    def _word(self, label: int) -> str:
        return self.words.words[label][0]

    def _cut(self, text: str) -> str:
        tokenizer = self.language.tokenizer
        ids = tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)
        return text if len(ids) <= self.text_tokens else str(tokenizer.decode(ids[: self.text_tokens]))

    def _checked(self, tokens: tuple[int, ...]) -> tuple[int, ...]:
        limit = getattr(self.language.decoder.config.get_text_config(), "max_position_embeddings", None)
        if limit is not None and len(tokens) + 2 * self.text_tokens > limit:
            raise HeadError(
                f"The demonstrations have {len(tokens)} tokens, and the model reads {limit} in all.",
                "Lower demonstrations or text_tokens.",
            )
        return tokens


def linear_scorer(
    given: Prompted,
    texts: Sequence[str],
    targets: np.ndarray,
    *,
    layer: int | Literal["auto"] | None,
    pooling: Pooling | Literal["auto"],
    solver: Literal["logistic", "head"],
    C: float,
    epochs: int,
    learning_rate: float,
    seed: int,
) -> StateScorer:
    """Train a head on states of the frozen model.

    ``solver`` logistic fits a regularised logistic regression; head starts from the label words' own rows
    (from zero below the last layer) and trains them by gradient descent.
    """
    language, prompt = given.language, given.template.prompt
    rows = [encode(language.tokenizer, prompt, text, text_tokens=given.text_tokens) for text in texts]
    if layer == "auto" or pooling == "auto":
        some = np.random.default_rng(seed).permutation(len(rows))[:_COMPARED]
        wanted = None if layer == "auto" else check_layer(language, layer)
        found = read_all_layers(language, [rows[index] for index in some])
        last = max(number for number, _ in found)
        kept = {
            key: states
            for key, states in found.items()
            if (layer == "auto" or key[0] == (last if wanted is None else wanted))
            and (pooling == "auto" or key[1] == pooling)
        }
        layer, pooling = choose_features(kept, targets[some], C, seed)
    place = check_layer(language, layer)
    states = read_features(language, rows, place, pooling)
    if solver == "logistic":
        head = logistic_head(states, targets, given.words.labels, prompt, C)
    else:
        head = _untrained(given, place, states.shape[1])
        head.fit(states, torch.from_numpy(targets), epochs=epochs, learning_rate=learning_rate, seed=seed)
    return StateScorer(language, head, layer=place, pooling=pooling, text_tokens=given.text_tokens)


def fine_tuned_scorer(
    given: Prompted, texts: Sequence[str], targets: np.ndarray, settings: Any, seed: int
) -> StateScorer:
    """Train the label words' rows and the model under them, on a copy of the model.

    ``settings`` are :class:`FineTuneSettings`, a mapping of some of them, or none; a seed that they do not
    name is ``seed``.
    """
    from rec_assets.heads.fine_tune import fine_tune  # loads the trainer
    from rec_assets.heads.fine_tune_settings import read_settings

    recipe = read_settings(settings, seed)
    shared = given.language
    check_layer(shared, recipe.regression_layer)  # not after an hour of training
    model = load_base(shared.folder) if shared.folder else copy.deepcopy(shared.model)
    head = _untrained(given, None, 0)
    adapted = fine_tune(model, shared.tokenizer, head, texts, targets, recipe, text_tokens=given.text_tokens)
    tuned = LanguageModel(merge_adapters(adapted).to(shared.device), shared.tokenizer)
    scorer = StateScorer(tuned, head, text_tokens=given.text_tokens)
    if recipe.regression_layer is None:
        return scorer
    return add_regression(scorer, texts, targets, layer=recipe.regression_layer, seed=recipe.seed)


def _untrained(given: Prompted, layer: int | None, width: int) -> LabelHead:
    labels = [str(label) for label in given.words.labels]
    if layer is None:
        model, tokenizer = given.language.model, given.language.tokenizer
        return LabelHead.from_label_words(model, tokenizer, labels, given.template.prompt, given.words.words)
    nothing = torch.zeros(len(labels), width), torch.zeros(len(labels)), torch.full((len(labels),), -1)
    return LabelHead(TrimmedDecoder(*nothing, LogitScaling(), len(labels)), labels, given.template.prompt)
