import numpy as np
import pytest

from rec_assets.heads.verdict import checks, falls_short

TRUTH = np.ones(100, dtype=int)


def right(count):
    """Answers of which the first ``count`` are right."""
    return (np.arange(100) < count).astype(int)


@pytest.mark.parametrize(
    ("own", "rival", "tolerance", "short"),
    [
        (90, 90, 0.0, False),
        (95, 90, 0.0, False),
        (80, 90, 0.0, True),  # ten lost, none won: p = 0.001
        (80, 90, 0.11, False),
        (80, 90, 0.09, True),
        (87, 90, 0.0, False),  # three lost, none won: p = 0.125
        (85, 90, 0.0, True),  # five lost, none won: p = 0.031
    ],
)
def test_a_head_falls_short_beyond_tolerance_and_chance(own, rival, tolerance, short):
    assert falls_short(TRUTH, right(own), right(rival), tolerance) is short


def test_rows_won_speak_against_chance():
    # As far behind as 85 from 90, but thirty lost and twenty-five won: p = 0.29.
    own = np.repeat([0, 1, 1], [30, 25, 45])
    rival = np.repeat([1, 0, 1], [30, 25, 45])
    assert rival.mean() - own.mean() == pytest.approx(0.05)
    assert not falls_short(TRUTH, own, rival, 0.0)


def judged(falls_short):
    return {
        "head": {"accuracy": 0.5},
        "majority": {"accuracy": 0.4},
        "words": {"accuracy": 0.7},
        "baseline": "words",
        "falls_short": falls_short,
    }


def test_the_checks_name_who_fell_short_and_of_what():
    majority, baseline = checks({"good": judged([]), "poor": judged(["words"])}, 1)
    assert (majority.name, majority.passed) == ("beats_majority", True)
    assert "1 were left out" in majority.description
    assert (baseline.name, baseline.passed) == ("matches_baseline", False)
    assert "poor (-0.200 against words)" in baseline.description
    assert "good" not in baseline.description
    assert baseline.metadata == pytest.approx({"good": -0.2, "poor": -0.2})
    assert not checks({"bad": judged(["majority"])}, 0)[0].passed


def test_without_heads_the_checks_pass():
    assert all(check.passed for check in checks({}, 0))
