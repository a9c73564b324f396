"""Choose a recipe on a part of train: first prompts and label words, then settings."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from classification.recipes import alike, candidates, choose, chosen, key, pairs, screens
from classification.runs import Cell, tried
from classification.screening import screen
from classification.tasks import Task

SEEDS = (101, 102, 103)


@dataclass(frozen=True)
class Rules:
    """How a recipe is chosen.

    Parameters
    ----------
    rows
        Selection rows that candidates are judged on; none: all.
    screened
        How many prompts with label words, best before any training, meet the settings.
    screening_rows
        Selection rows that these are ranked on.
    most
        Only the first candidates, so many; none: all.
    alike
        Shots of another cell whose prompt and words are taken, so that only settings are tried: a number or
        ``all``; none: prompts and words are screened.
    share
        Of all examples, what candidates learn from; none: as much as their recipe says.
    """

    rows: int | None = None
    screened: int = 2
    screening_rows: int = 500
    most: int | None = None
    alike: str | None = None
    share: float | None = None


def select(cell: Cell, task: Task, rules: Rules, files: Path, file: Path) -> dict[str, Any]:
    """Try a cell's candidates on selection rows and keep the best in ``file``, with the ranking before it."""
    ranking = None
    if rules.alike is not None:
        shots = None if rules.alike == "all" else int(rules.alike)
        before, _ = chosen(cell.method, cell.dataset, cell.base, shots, file)
        found = alike(candidates(cell.method, cell.dataset, cell.shots), before)
    elif screens(cell.method):
        every = pairs(cell.dataset)
        ranking = screen(task, str(cell.base), cell.layers, every, rules.screening_rows, files)
        best = [{name: one[name] for name in ("prompt", "words")} for one in ranking[: rules.screened]]
        found = candidates(cell.method, cell.dataset, cell.shots, best)
    else:
        found = candidates(cell.method, cell.dataset, cell.shots)
    found = found[: rules.most]
    if len(found) == 1:  # nothing is left to be judged: prompt and words are screened, or another cell's
        results: list[dict[str, Any]] = [{"config": found[0], "accuracy": None, "seeds": [], "rows": 0}]
    else:
        seeds = list(SEEDS if cell.shots is not None else SEEDS[:1])
        less = {} if rules.share is None or cell.shots is not None else {"share": rules.share}
        results = [
            tried(cell, task, config | less, seeds, files, rules.rows) | {"config": config}
            for config in tqdm(found, desc=f"candidates of {cell.model}", unit="recipe")
        ]
    told: dict[str, Any] = {} if rules.share is None else {"share_learnt": rules.share}
    if ranking is not None:
        told["screening"] = {"rows": rules.screening_rows, "ranking": ranking}
    return choose(key(cell.method, cell.dataset, cell.base, cell.shots), results, file, told)
