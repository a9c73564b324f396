import numpy as np
import pytest
from scipy.special import log_softmax

from rec_assets.heads.calibration import calibrate, find_prior, mean_answer, random_texts
from rec_assets.heads.errors import HeadError


class Biased:
    """Answers by a text's length, and adds 2 to the first label."""

    def __init__(self):
        self.read = []

    def scores(self, texts):
        self.read += list(texts)
        truth = np.array([[len(text) % 2, 1 - len(text) % 2] for text in texts], dtype=float)
        return log_softmax(truth + np.array([2.0, 0.0]), axis=1)


def test_what_the_model_prefers_is_divided_out():
    scorer = Biased()
    texts = ["a", "bb", "c", "dd"]
    assert (scorer.scores(texts).argmax(axis=1) == 0).all()
    prior = find_prior("batch", scorer, texts)
    assert calibrate(scorer.scores(texts), prior).argmax(axis=1).tolist() == [0, 1, 0, 1]


def test_calibrating_the_mean_answer_itself_gives_even_odds():
    scores = np.log([[0.7, 0.2, 0.1]])
    np.testing.assert_allclose(np.exp(calibrate(scores, mean_answer(scores))), 1 / 3)


def test_the_mean_is_over_probabilities():
    np.testing.assert_allclose(np.exp(mean_answer(np.log([[0.9, 0.1], [0.5, 0.5]]))), [0.7, 0.3])


def test_without_calibration_answers_only_add_up():
    assert find_prior(None, Biased(), ["a"]) is None
    np.testing.assert_allclose(np.exp(calibrate(np.log([[2.0, 6.0]]), None)), [[0.25, 0.75]])


def test_domain_texts_are_random_words_of_the_task_of_its_mean_length():
    texts = ["red coat", "blue wool coat now"]
    made = random_texts(texts, 5, seed=7)
    assert len(made) == 5
    assert {len(text.split()) for text in made} == {3}
    assert {word for text in made for word in text.split()} <= {"red", "coat", "blue", "wool", "now"}
    assert made == random_texts(texts, 5, seed=7) != random_texts(texts, 5, seed=8)
    scorer = Biased()
    find_prior("domain", scorer, texts, seed=7)
    assert len(scorer.read) == 20
    assert random_texts(["", ""], 2, seed=7) == ["", ""]


def test_contextual_reads_what_says_nothing():
    scorer = Biased()
    find_prior("contextual", scorer)
    assert scorer.read == ["N/A", "[MASK]", ""]


@pytest.mark.parametrize("method", ["domain", "batch"])
def test_a_method_that_needs_texts_says_so(method):
    with pytest.raises(HeadError, match="needs texts"):
        find_prior(method, Biased())
