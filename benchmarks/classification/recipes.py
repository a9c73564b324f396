"""Candidates of each method out of ``recipes.yaml``, and the ones chosen."""

import itertools
import json
from pathlib import Path
from typing import Any

import yaml

from classification.tasks import split_of

FOLDER = Path(__file__).resolve().parent
_FEW = 64  # shots a class


def candidates(
    method: str, dataset: str, shots: int | None, said: list[dict[str, Any]] | None = None
) -> list[dict[str, Any]]:
    """List a method's candidate recipes for one data set, the default first.

    Parameters
    ----------
    method, dataset
        As the command names them.
    shots
        Examples a class; none: all there are.
    said
        The pairs of prompt and label words that came through the screening, for recipes that are screened;
        none: all pairs.
    """
    book = _book()
    found = []
    for one in _alternatives(book, method):
        grid = dict(one.get("grid", {}))
        size = "all" if shots is None else "few" if shots <= _FEW else "many"
        grid |= one.get(size, {}) | one.get(dataset, {}).get(size, {})
        own = said if said is not None and one.get("screened") else _said(book, dataset, one)
        found += [
            one.get("fixed", {}) | dict(zip(grid, values, strict=True)) | words
            for values in itertools.product(*grid.values())
            for words in own
        ]
    return found


def pairs(dataset: str) -> list[dict[str, Any]]:
    """List every prompt of a data set with all its label words, those of one prompt together."""
    return _said(_book(), dataset, {"prompts": True, "words": True})


def screens(method: str) -> bool:
    """Tell a method whose prompts and label words are ranked before its candidates are tried."""
    return any(one.get("screened") for one in _alternatives(_book(), method))


def _book() -> dict[str, Any]:
    book: dict[str, Any] = yaml.safe_load((FOLDER / "recipes.yaml").read_text())
    return book


def _alternatives(book: dict[str, Any], method: str) -> list[dict[str, Any]]:
    recipe = book["methods"][method]
    found: list[dict[str, Any]] = recipe.get("alternatives", [recipe])
    return found


def _said(book: dict[str, Any], dataset: str, recipe: dict[str, Any]) -> list[dict[str, Any]]:
    """List what a recipe may say to the model: prompts, with label words where it has some."""
    said = {}
    if recipe.get("prompts"):
        said["prompt"] = book["prompts"][dataset] + (["{text}"] if recipe.get("plain") else [])
    if recipe.get("words"):
        said["words"] = book["words"][dataset]
    return [dict(zip(said, values, strict=True)) for values in itertools.product(*said.values())]


def alike(found: list[dict[str, Any]], chosen: dict[str, Any]) -> list[dict[str, Any]]:
    """Keep the candidates that say the same to the model: the prompt and words of a recipe chosen before."""
    said = [name for name in ("prompt", "words") if name in chosen]
    return [one for one in found if all(one.get(name) == chosen[name] for name in said)]


def key(method: str, dataset: str, base: str | None, shots: int | None) -> str:
    """Name a cell of the table, and how its data are split where that has changed."""
    split = split_of(dataset, shots)
    told = f"{dataset} by {split}" if split else dataset
    return "/".join([told, method, base or "-", "all" if shots is None else str(shots)])


def chosen(
    method: str, dataset: str, base: str | None, shots: int | None, file: Path
) -> tuple[dict[str, Any], str]:
    """Give the recipe to judge and where it comes from: ``chosen`` on a part of train, or the ``default``."""
    book = json.loads(file.read_text()) if file.exists() else {}
    if entry := book.get(key(method, dataset, base, shots)):
        return entry["config"], "chosen"
    return candidates(method, dataset, shots)[0], "default"


def choose(
    cell: str, tried: list[dict[str, Any]], file: Path, told: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Keep the best candidate of a cell: highest mean accuracy on the selection rows, the earlier on ties.

    What else is ``told`` of the choice stands beside it.
    """
    best = max(tried, key=lambda one: one["accuracy"])
    book = json.loads(file.read_text()) if file.exists() else {}
    book[cell] = {**best, "tried": len(tried), **(told or {})}
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    part.write_text(json.dumps(book, indent=2, sort_keys=True) + "\n")
    part.replace(file)
    return best
