"""Reading ``params.yaml``: from text to checked parameters, or an error that names the key."""

from datetime import date
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from rec_assets.errors import ParamsError
from rec_assets.params.document import Params


def read_params(path: Path) -> Params:
    """Read and check ``params.yaml``.

    Raises
    ------
    ParamsError
        When the file is missing, is not YAML in UTF-8, or holds a key or value that does not fit.
    """
    if not path.exists():
        raise ParamsError(
            f"{path} does not exist.", "Copy params.yaml from the project, or run in its folder."
        )
    try:
        return checked(path.read_text(encoding="utf-8"), path)
    except UnicodeDecodeError as error:
        raise ParamsError(f"{path} is not UTF-8: {error}.", "Save it as UTF-8.") from error


def checked(text: str, path: Path) -> Params:
    """Check the text of a ``params.yaml``, whether it is written yet or not.

    Parameters
    ----------
    text
        YAML.
    path
        The file that an error names.

    Raises
    ------
    ParamsError
        When it is not YAML, holds a date without quotes, or a key or value that does not fit.
    """
    try:
        loaded = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ParamsError(f"{path} is not YAML: {error}.", "Mend the line it names.") from error
    if key := _bare_date(loaded):
        raise ParamsError(
            f"{path}: {key} is a date without quotes, which DVC cannot read.", "Put quotes around it."
        )
    try:
        return Params.model_validate(loaded or {})
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ParamsError(
            f"{path}: {key}: {first['msg']} (found {first.get('input')!r}).",
            f"Change {key}; `couturier params` lists every key with its meaning.",
        ) from error


def _bare_date(loaded: Any, key: str = "") -> str | None:
    if isinstance(loaded, date):
        return key
    children = (
        loaded.items() if isinstance(loaded, dict) else enumerate(loaded) if isinstance(loaded, list) else ()
    )
    found = (_bare_date(child, f"{key}.{name}".lstrip(".")) for name, child in children)
    return next((path for path in found if path), None)
