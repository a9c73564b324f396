"""Candidates of each method out of ``recipes.yaml``, and the ones chosen."""

import itertools
import json
from pathlib import Path
from typing import Any

import yaml

from classification.tasks import SPLIT_BY

FOLDER = Path(__file__).resolve().parent
_FEW = 64  # shots a class


def candidates(method: str, dataset: str, shots: int | None) -> list[dict[str, Any]]:
    """List a method's candidate recipes for one data set, the default first.

    Parameters
    ----------
    method, dataset
        As the command names them.
    shots
        Examples a class; none: all there are.
    """
    book = yaml.safe_load((FOLDER / "recipes.yaml").read_text())
    recipe = book["methods"][method]
    found = []
    for one in recipe.get("alternatives", [recipe]):
        grid = dict(one.get("grid", {}))
        grid |= one.get("few" if shots is not None and shots <= _FEW else "many", {})
        if one.get("prompts"):
            grid["prompt"] = book["prompts"][dataset] + (["{text}"] if one.get("plain") else [])
        if one.get("words"):
            grid["words"] = book["words"][dataset]
        found += [
            one.get("fixed", {}) | dict(zip(grid, values, strict=True))
            for values in itertools.product(*grid.values())
        ]
    return found


def alike(found: list[dict[str, Any]], chosen: dict[str, Any]) -> list[dict[str, Any]]:
    """Keep the candidates that say the same to the model: the prompt and words of a recipe chosen before."""
    said = [name for name in ("prompt", "words") if name in chosen]
    return [one for one in found if all(one.get(name) == chosen[name] for name in said)]


def key(method: str, dataset: str, base: str | None, shots: int | None) -> str:
    """Name a cell of the table, and how its data are split where that has changed."""
    split = f"{dataset} by {SPLIT_BY[dataset]}" if dataset in SPLIT_BY else dataset
    return "/".join([split, method, base or "-", "all" if shots is None else str(shots)])


def chosen(
    method: str, dataset: str, base: str | None, shots: int | None, file: Path
) -> tuple[dict[str, Any], str]:
    """Give the recipe to judge and where it comes from: ``chosen`` on a part of train, or the ``default``."""
    book = json.loads(file.read_text()) if file.exists() else {}
    if entry := book.get(key(method, dataset, base, shots)):
        return entry["config"], "chosen"
    return candidates(method, dataset, shots)[0], "default"


def choose(cell: str, tried: list[dict[str, Any]], file: Path) -> dict[str, Any]:
    """Keep the best candidate of a cell: highest mean accuracy on the selection rows, the earlier on ties."""
    best = max(tried, key=lambda one: one["accuracy"])
    book = json.loads(file.read_text()) if file.exists() else {}
    book[cell] = {**best, "tried": len(tried)}
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    part.write_text(json.dumps(book, indent=2, sort_keys=True) + "\n")
    part.replace(file)
    return best
