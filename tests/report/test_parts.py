import doctest
import xml.etree.ElementTree as ElementTree
from importlib import import_module

import numpy as np
import pandas as pd
import pytest

from rec_assets.report.charts import Interval, curve, intervals, ticks, track
from rec_assets.report.examples import choose
from rec_assets.report.swatches import swatch
from rec_assets.report.wording import one_line


@pytest.mark.parametrize("name", ["charts", "contents", "swatches", "terminal", "wording"])
def test_examples_in_docstrings_hold(name: str) -> None:
    outcome = doctest.testmod(import_module(f"rec_assets.report.{name}"))
    assert outcome.attempted > 0
    assert outcome.failed == 0


@pytest.mark.parametrize(
    "chart",
    [
        intervals([Interval('<b>"A" & co</b>', 0.2, 0.1, 0.3, True)], "means"),
        intervals([Interval("nothing found", 0.0, 0.0, 0.0, False)], "means"),
        curve([(1, 0.5)], "one point"),
        curve([(1, 0.5), (2, 0.5)], "flat"),
        track(0.3, float("nan"), 0.1, 0.5),
        track(0.0, 0.0, 0.0, 0.0),
    ],
)
def test_charts_are_well_formed_whatever_the_figures(chart) -> None:
    ElementTree.fromstring(chart)
    assert "nan" not in chart.replace("model nan%", "")


@pytest.mark.parametrize(("low", "high"), [(0, 0), (0, 1), (-3, 7.2), (0.071, 0.0712), (1e-9, 2e-9), (5, 5)])
def test_ticks_span_the_range(low: float, high: float) -> None:
    marks = ticks(low, high)
    assert marks[0] <= low + 1e-9
    assert marks[-1] >= high - 1e-9
    assert len(marks) <= 12
    assert (np.diff(marks) > 0).all()


@pytest.mark.parametrize(
    ("name", "shown"),
    [("Dark Red", True), ("light-blue", True), ("Transparent", False), ("", False), (None, False)],
)
def test_swatches(name: str | None, shown: bool) -> None:
    assert (swatch(name) is not None) == shown


@pytest.mark.parametrize("title", ["x" * 5000, "tab\there", "🧥 coat", "\x1b]0;owned\x07 coat", "‮coat"])
def test_titles_become_one_short_printable_line(title: str) -> None:
    line = one_line(title, 50)
    assert 0 < len(line) <= 50
    assert line.isprintable()


def test_examples_come_from_every_segment_and_end_with_a_newcomer() -> None:
    customers = [f"C{i}" for i in range(40)]
    bought = pd.Series(dict.fromkeys(customers[:-1], 5))
    segments = pd.Series({name: "abcd"[i % 4] for i, name in enumerate(customers)})
    chosen = choose(customers, bought, segments, 9, seed=1)
    assert chosen[-1] == "C39"
    assert len(set(chosen)) == 9
    assert segments[chosen[:8]].value_counts().to_dict() == dict.fromkeys("abcd", 2)
