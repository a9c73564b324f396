"""The README's picture is the graph."""

import runpy
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]


def test_the_picture_is_the_graph() -> None:
    drawn = runpy.run_path(str(PROJECT / "docs" / "graph.py"))
    text = (PROJECT / "README.md").read_text()
    assert drawn["with_graph"](text) == text, "run: python docs/graph.py"


def test_the_two_commands_come_first() -> None:
    text = (PROJECT / "README.md").read_text()
    assert text.index("make run") < text.index("make test") < text.index("## The graph")
