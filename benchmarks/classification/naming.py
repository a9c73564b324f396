"""Names of recipes made by hand: each has rows of its own, so that nothing is scored unseen."""

import argparse
import json
import re
from pathlib import Path
from typing import Any

from classification.methods import METHODS
from classification.runs import Cell


def misnamed(asked: argparse.Namespace, smoke: bool) -> str | None:
    """Say what is wrong with the name of a recipe made by hand, if anything is; a smoke run needs none."""
    if asked.name is None:
        unnamed = asked.config is not None and not smoke
        return "a recipe of your own (--config) needs a --name of its own" if unnamed else None
    if asked.config is None or len(asked.method) > 1:
        return "--name names one method's row with a --config"
    if not re.fullmatch(r"[\w.+-]+", asked.name) or asked.name in METHODS:
        return f"--name {asked.name}: letters, digits and _.+-, and no method's own name"
    return None


def taken(file: Path, cell: Cell, config: dict[str, Any]) -> bool:
    """Tell a name under which ``file`` holds another recipe that was scored on the same test rows."""
    if cell.called is None or not file.exists():
        return False
    place = (cell.model, cell.dataset, "all" if cell.shots is None else cell.shots)
    recipe = (cell.method, cell.base, config)
    return any(
        (one["model"], one["dataset"], one["shots"]) == place
        and (one["method"], one["base"], one["config"]) != recipe
        for one in json.loads(file.read_text())["rows"]
    )
