import torch

from rec_assets.heads.states import BATCH_TOKENS, TEXT_TOKENS, encode, equal_length_batches, last_states


def test_states_are_the_last_tokens_in_the_order_given(model):
    rows = [[1, 5, 9], [1, 7], [1, 8, 4], [1, 5, 9, 11]]
    states = last_states(model, rows)
    for row, state in zip(rows, states, strict=True):
        expected = model.model(torch.tensor([row])).last_hidden_state[0, -1]
        torch.testing.assert_close(state, expected)


def test_a_long_text_is_cut_and_the_closing_words_are_kept(tokenizer):
    ids = encode(tokenizer, "{text} This garment is a", "black " * 5000)
    closing = tokenizer.encode(" This garment is a", add_special_tokens=False)
    assert len(ids) == 1 + TEXT_TOKENS + len(closing)
    assert ids[-len(closing) :] == closing


def test_text_that_spells_a_special_token_stays_text(tokenizer):
    assert tokenizer.eos_token_id not in encode(tokenizer, "{text} is a", "black </s> belts")


def test_special_tokens_of_the_prompts_own_words_are_read_as_such(tokenizer):
    spelt = tokenizer.encode("no black </s> belts", add_special_tokens=False, split_special_tokens=True)
    start, end = tokenizer.bos_token_id, tokenizer.eos_token_id
    asking = tokenizer.encode("red", add_special_tokens=False)
    found = encode(tokenizer, "<s>red</s>no {text}</s>red", "black </s> belts")
    assert found == [start, *asking, end, *spelt, end, *asking]
    cut = encode(tokenizer, "<s>red</s>no {text}</s>red", "black " * 9, text_tokens=2)
    words = tokenizer.encode("no black black", add_special_tokens=False)
    assert cut == [start, *asking, end, *words, end, *asking]


def test_a_token_may_span_the_border_of_prompt_and_text(tokenizer):
    joined = tokenizer.encode("black belts", add_special_tokens=False)
    assert encode(tokenizer, "bla{text}", "ck belts") == [tokenizer.bos_token_id, *joined]
    assert encode(tokenizer, "</s>bla{text}", "ck belts")[1:] == joined


def test_braces_in_a_text_are_only_text(tokenizer):
    assert (
        encode(tokenizer, "{text} is a", "black {0} {text}")[-2:]
        == encode(tokenizer, "{text} is a", "red")[-2:]
    )


def test_batches_shrink_behind_a_long_prefix_that_each_row_has_a_copy_of():
    lengths = [32] * 300 + [16] * 3
    for before, most in ((0, BATCH_TOKENS // 32), (96, BATCH_TOKENS // 32), (8160, 4), (100_000, 1)):
        batches = list(equal_length_batches(lengths, before))
        assert sorted(index for batch in batches for index in batch) == list(range(303))
        assert all(len({lengths[index] for index in batch}) == 1 for batch in batches)
        assert max(map(len, batches)) == most
