"""Tables on the terminal: rich where a person reads, plain columns where a program does."""

from collections.abc import Iterable, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

PIPE_WIDTH = 160


def print_table(title: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows under their column names; long texts wrap, never cut."""
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, title_style="bold")
    for name in head:
        table.add_column(name, overflow="fold")
    for row in rows:
        # As Text: titles may hold square brackets, which rich would read as markup.
        table.add_row(*(Text(str(value)) for value in row))
    console = Console()
    if not console.is_terminal:
        console.width = PIPE_WIDTH
    console.print(table)
