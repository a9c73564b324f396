"""Pictures and tables in the docs are those of the graph and of the result files."""

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


def test_result_tables_are_those_of_the_result_files() -> None:
    drawn = runpy.run_path(str(PROJECT / "docs" / "tables.py"))
    for name, (file, render) in drawn["TABLES"].items():
        text = (PROJECT / "docs" / file).read_text()
        assert drawn["with_table"](text, name, render) == text, "run: python docs/tables.py"
