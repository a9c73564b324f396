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


def test_tokens_begin_as_the_model_expects_and_long_instructions_stay_whole(model, tokenizer):
    long = "This garment is a " * 40
    tokens = demonstration_tokens(
        LanguageModel(model, tokenizer), [(long + "{text} is a red", "black"), ("{text}", "green")]
    )
    words = tokenizer.encode(f"{long}black is a red", add_special_tokens=False)
    assert list(tokens) == [
        tokenizer.bos_token_id,
        *words,
        *tokenizer.encode("green", add_special_tokens=False),
    ]


def test_special_tokens_of_the_prompt_are_read_as_such_and_those_of_the_text_are_not(model, tokenizer):
    language = LanguageModel(model, tokenizer)
    tokens = demonstration_tokens(language, [("<s>a {text}</s> is a red", "black </s> belts")])
    spelt = tokenizer.encode("a black </s> belts", add_special_tokens=False, split_special_tokens=True)
    closing = tokenizer.encode("is a red", add_special_tokens=False)
    start, end = tokenizer.bos_token_id, tokenizer.eos_token_id
    assert list(tokens) == [start, *spelt, end, *closing]  # opened once
