"""scikit-learn's own checks. They feed numbers, so each row of numbers is written as a text first."""

import numpy as np
import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator
from sklearn.utils.validation import check_is_fitted, validate_data
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from rec_assets.heads.classifier import DecoderTrimmedClassifier
from rec_assets.heads.language_model import LanguageModel


def language():
    import torch

    words = ["<s>", "<unk>", *(f"{place}:{level}" for place in range(10) for level in range(-9, 10))]
    plain = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    plain.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=plain, bos_token="<s>", unk_token="<unk>")
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(words),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        initializer_range=0.3,
    )
    return LanguageModel(LlamaForCausalLM(config), tokenizer)


class NumbersAsTexts(DecoderTrimmedClassifier):
    """Rows of numbers as texts of one word a number, so that checks made for numbers apply."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        tags.input_tags.one_d_array = False
        tags.input_tags.string = False
        tags.target_tags.required = True
        return tags

    def _texts(self, X, **options):
        X = validate_data(self, X, **options)
        levels = np.clip(np.round(2 * np.asarray(X, dtype=float)), -9, 9).astype(int)
        return [" ".join(f"{place}:{level}" for place, level in enumerate(row[:10])) for row in levels]

    def fit(self, X, y=None):
        if y is None:
            raise ValueError("requires y to be passed, but the target y is None")
        return super().fit(self._texts(X), y)

    def predict(self, X):
        check_is_fitted(self)
        return super().predict(self._texts(X, reset=False))

    def predict_log_proba(self, X, labels=None):
        check_is_fitted(self)
        return super().predict_log_proba(self._texts(X, reset=False), labels)


CHECKS = list(
    estimator_checks_generator(
        NumbersAsTexts(language(), mode="linear", prompt="{text}", layer=0, pooling="mean", C=1.0)
    )
)


# Named by the check alone: the model's address would name a test differently in every process.
@pytest.mark.parametrize(("estimator", "check"), CHECKS, ids=[check.func.__name__ for _, check in CHECKS])
def test_the_checks_of_scikit_learn_pass(estimator, check):
    check(estimator)


def test_its_tags_say_that_it_takes_texts():
    tags = DecoderTrimmedClassifier().__sklearn_tags__()
    assert tags.input_tags.string
    assert tags.input_tags.one_d_array
    assert not tags.input_tags.two_d_array
    assert tags.estimator_type == "classifier"


def test_all_parameters_are_kept_as_given():
    given = {"base": "somewhere", "labels": ["a"], "mode": "linear", "C": 3.0}
    parameters = DecoderTrimmedClassifier(**given).get_params()
    assert {name: parameters[name] for name in given} == given
    assert DecoderTrimmedClassifier().set_params(C=2.0).C == 2.0
    with pytest.raises(ValueError, match="Invalid parameter"):
        DecoderTrimmedClassifier().set_params(c=2.0)
