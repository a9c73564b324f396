import numpy as np

from rec_assets.generation.digits import DigitTokens
from rec_assets.generation.id_rows import with_item_tokens
from rec_assets.generation.item_tokens import SkuTokens
from rec_assets.vocabulary.token_rows import TokenRow

WORDS = 100
NONE = -100


def row(ids: list[int], targets: list[int]) -> TokenRow:
    return TokenRow(np.array(ids), np.array(targets))


def test_words_stay_and_every_token_of_a_predicted_sku_is_a_target() -> None:
    # start, header, [asks 7], SKU 42 (not predicted) ... a moment between asking for 7 and reading it
    given = row([1, 5, WORDS + 42, 6, WORDS + 7, WORDS + 31], [NONE, NONE, 7, NONE, 31, NONE])
    (written,) = with_item_tokens([given], WORDS, DigitTokens(50, group=1, length=2))
    four_two, zero_seven, three_one = [[WORDS + a, WORDS + 10 + b] for a, b in ((4, 2), (0, 7), (3, 1))]
    assert written.ids.tolist() == [1, 5, *four_two, 6, *zero_seven, *three_one]
    assert written.targets.tolist() == [NONE, NONE, NONE, 0, NONE, 17, 3, 11, NONE]


def test_one_token_a_sku_changes_nothing() -> None:
    given = row([1, WORDS + 4, WORDS + 2], [4, 2, NONE])
    (written,) = with_item_tokens([given], WORDS, SkuTokens(6))
    assert written.ids.tolist() == given.ids.tolist()
    assert written.targets.tolist() == given.targets.tolist()


def test_a_question_has_no_targets() -> None:
    (written,) = with_item_tokens([row([1, 5], [NONE, NONE])], WORDS, DigitTokens(50, group=1, length=2))
    assert written.targets.tolist() == [NONE, NONE]


def test_of_an_answer_that_does_not_follow_only_the_first_token_is_asked() -> None:
    given = row([1, WORDS + 42, WORDS + 7], [38, 7, 25])
    (written,) = with_item_tokens([given], WORDS, DigitTokens(50, group=1, length=2))
    assert written.targets.tolist() == [3, NONE, 0, 17, 2]
