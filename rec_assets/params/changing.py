"""Changing ``params.yaml`` in place: comments stay, and nothing is written that does not fit."""

from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from rec_assets.errors import ParamsError
from rec_assets.files import atomic_file
from rec_assets.params.document import Params
from rec_assets.params.reading import checked


def change_params(path: Path, changes: dict[str, Any]) -> Params:
    """Set values in ``params.yaml``, keeping its comments, only if the result is valid.

    Parameters
    ----------
    path
        The file.
    changes
        Nested sections, or dotted keys: ``{"source.kind": "hm"}``. Merged over what is there.

    Raises
    ------
    ParamsError
        When a key or value does not fit; the file stays as it was.
    """
    editor = YAML()
    editor.preserve_quotes = True
    editor.width = 110
    written = path.read_text(encoding="utf-8") if path.exists() else ""
    try:
        document = editor.load(written)
    except YAMLError as error:
        raise ParamsError(f"{path} is not YAML: {error}.", "Mend the line it names.") from error
    document = editor.map() if document is None else document
    _merge(document, _nested(changes))
    text = StringIO()
    editor.dump(document, text)
    # Checked before it is written, so that an error names the file and not its unfinished copy.
    params = checked(text.getvalue(), path)
    with atomic_file(path) as part:
        part.write_text(text.getvalue(), encoding="utf-8")
    return params


def _nested(changes: dict[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for key, value in changes.items():
        *sections, last = key.split(".")
        place = nested
        for section in sections:
            place = place.setdefault(section, {})
        place[last] = _nested(value) if isinstance(value, dict) else value
    return nested


def _merge(document: Any, changes: dict[str, Any]) -> None:
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(document.get(key), dict):
            _merge(document[key], value)
        else:
            document[key] = value.isoformat() if isinstance(value, date) else value
