import numpy as np

from rec_assets.heads.demonstrations import choose_demonstrations, demonstration_tokens
from rec_assets.heads.language_model import LanguageModel

TEXTS = [f"text {i}" for i in range(12)]
TARGETS = np.arange(12) % 3


def test_every_label_gives_as_many_examples_in_rounds():
    chosen = choose_demonstrations(TEXTS, TARGETS, 2, seed=7)
    assert len({text for text, _ in chosen}) == 6
    assert all(TARGETS[TEXTS.index(text)] == label for text, label in chosen)
    assert sorted(label for _, label in chosen[:3]) == sorted(label for _, label in chosen[3:]) == [0, 1, 2]


def test_choice_and_order_are_the_seeds():
    first, again, other = (choose_demonstrations(TEXTS, TARGETS, 2, seed=s) for s in (7, 7, 8))
    assert first == again != other


def test_a_thin_label_gives_what_it_has():
    chosen = choose_demonstrations(TEXTS[:4], np.array([0, 0, 0, 1]), 2, seed=7)
    assert sorted(label for _, label in chosen) == [0, 0, 1]


def test_tokens_begin_as_the_model_expects_and_long_examples_keep_their_answer(model, tokenizer):
    language = LanguageModel(model, tokenizer)
    written = "black " * 300 + "This garment is a red"
    tokens = demonstration_tokens(language, [written, "red"], text_tokens=20)
    closing = tokenizer.encode("This garment is a red", add_special_tokens=False)
    assert tokens[0] == tokenizer.bos_token_id
    last = tokenizer.encode("red", add_special_tokens=False)
    assert list(tokens[-len(closing) - len(last) : -len(last)]) == closing
    assert len(tokens) == 1 + 20 + 16 + len(last)
