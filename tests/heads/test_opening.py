from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from rec_assets.heads.opening import opening_tokens
from rec_assets.heads.states import encode

WORDS = {"<s>": 0, "</s>": 1, "<chat>": 2, "a": 3, "b": 4, "<|endoftext|>": 5}


def tokenizer(adds: bool = False, **special: str) -> PreTrainedTokenizerFast:
    plain = Tokenizer(models.WordLevel(WORDS, unk_token="a"))
    plain.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    if adds:
        plain.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    return PreTrainedTokenizerFast(tokenizer_object=plain, additional_special_tokens=["<chat>"], **special)


def test_what_the_tokenizer_adds_itself_comes_first_and_once():
    own = tokenizer(adds=True, bos_token="<s>", eos_token="</s>")
    assert opening_tokens(own, "a {text}") == [0]
    assert opening_tokens(own, "<chat> {text}") == [0]
    assert encode(own, "<s> a {text}", "b") == [0, 3, 4]


def test_a_control_word_that_only_chats_begin_with_opens_no_plain_text():
    own = tokenizer(bos_token="<chat>", eos_token="</s>", pad_token="<|endoftext|>")
    assert encode(own, "{text} a", "b") == [5, 4, 3]
    assert encode(own, "<chat> {text}", "b") == [2, 4]


def test_without_a_token_between_documents_it_is_the_first_of_texts():
    words = {word: place for word, place in WORDS.items() if place < 5}
    plain = Tokenizer(models.WordLevel(words, unk_token="a"))
    assert opening_tokens(PreTrainedTokenizerFast(tokenizer_object=plain, bos_token="<s>")) == [0]
    assert opening_tokens(PreTrainedTokenizerFast(tokenizer_object=plain)) == []
