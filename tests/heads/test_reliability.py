import numpy as np
import pytest

from rec_assets.heads.reliability import calibration_error, plot_reliability, reliability

PROBABILITIES = np.array([[0.95, 0.05], [0.92, 0.08], [0.45, 0.55], [1.0, 0.0]])
TRUTH = np.array([0, 1, 1, 0])


def test_bins_compare_confidence_with_accuracy():
    table = reliability(TRUTH, PROBABILITIES)
    assert table["rows"].tolist() == [1, 3]
    assert table["from"].tolist() == [0.5, 0.9]
    assert table["confidence"].tolist() == pytest.approx([0.55, 2.87 / 3])
    assert table["accuracy"].tolist() == pytest.approx([1.0, 2 / 3])


def test_the_error_weighs_bins_by_their_rows():
    table = reliability(TRUTH, PROBABILITIES)
    assert calibration_error(table) == pytest.approx((0.45 * 1 + (2.87 / 3 - 2 / 3) * 3) / 4)


def test_one_who_is_right_as_often_as_said_has_no_error():
    probabilities = np.tile([0.75, 0.25], (400, 1))
    truth = (np.arange(400) % 4 == 0).astype(int)
    assert calibration_error(reliability(truth, probabilities)) == pytest.approx(0)


def test_the_plot_is_the_same_bytes(tmp_path):
    table = reliability(TRUTH, PROBABILITIES)
    for name in ("a.png", "b.png"):
        plot_reliability(table, "head", tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
