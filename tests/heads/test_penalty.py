import numpy as np

from rec_assets.heads.penalty import choose_penalty


def drawn(rows, signal):
    random = np.random.default_rng(0)
    targets = np.arange(rows) % 2
    states = random.normal(size=(rows, 60))
    states[:, :5] += signal * targets[:, None]
    return states, targets


def test_noise_is_held_back_more_than_what_is_plain():
    assert choose_penalty(*drawn(90, 0.0), seed=7) == 0.003
    assert choose_penalty(*drawn(600, 4.0), seed=7) == 0.1


def test_candidates_may_be_given():
    assert choose_penalty(*drawn(90, 0.0), seed=7, penalties=(1.0, 0.01)) == 0.01


def test_where_nothing_can_be_compared_the_usual_one_is_taken():
    assert choose_penalty(np.zeros((3, 4)), np.array([0, 0, 1]), seed=7) == 0.1
