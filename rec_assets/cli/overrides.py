"""Options that change ``params.yaml``, as ``dvc exp run -S`` does: a run's settings stay readable."""

from datetime import date
from pathlib import Path
from typing import Any

import typer
import yaml

from rec_assets.errors import ParamsError
from rec_assets.params import Params, change_params, read_params
from rec_assets.workspace import Workspace

_UNKNOWN = object()


def apply(
    workspace: Workspace,
    source: str | None = None,
    path: Path | None = None,
    profile: Path | None = None,
    settings: list[str] | None = None,
) -> None:
    """Write the options into ``params.yaml`` and say so; nothing is written when nothing differs.

    Parameters
    ----------
    workspace
        Holds ``params.yaml``.
    source, path
        ``source.kind`` and ``source.path``.
    profile
        A YAML file of parameters, merged over what is there.
    settings
        ``section.key=value``, the value in YAML.

    Raises
    ------
    ParamsError
        When a setting or the profile cannot be read, or the result is not valid; the file stays as it was.
    """
    changes: dict[str, Any] = {}
    if path and not path.expanduser().is_dir():
        raise ParamsError(f"--path {path} is not a folder.", "Give the one that holds the retailer's files.")
    if profile:
        changes |= dict(_leaves(_read_profile(workspace, profile)))
    if source:
        changes["source.kind"] = source
    if path:
        changes["source.path"] = _portable(workspace, path)
    for setting in settings or ():
        key, value = _parse(setting)
        changes[key] = value
    if not changes:
        return
    before = read_params(workspace.params_file)
    if any(
        _value(before, key) != value
        for key, value in changes.items()
        if key in ("source.kind", "source.path")
    ):
        # Another retailer: neither the snapshot nor the SKU registry of the last one applies.
        changes = {"source.snapshot": None, "lineage.parent": None, **changes}
    changes = {key: value for key, value in changes.items() if _value(before, key) != value}
    if changes:
        change_params(workspace.params_file, changes)
        for key, value in changes.items():
            typer.secho(f"params.yaml: {key} = {value} (was {_value(before, key)})", fg="cyan")


def _parse(setting: str) -> tuple[str, Any]:
    key, equals, text = setting.partition("=")
    if not equals or not key:
        raise ParamsError(
            f"--set {setting!r} is not key=value.", "Write for example --set training.epochs=3."
        )
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ParamsError(f"--set {setting!r}: the value is not YAML.", "Put quotes around it.") from error
    # DVC reads no bare dates; as text they are quoted.
    return key.strip(), text if isinstance(value, date) else value


def _read_profile(workspace: Workspace, profile: Path) -> dict[str, Any]:
    found = next((place for place in (profile, workspace.root / profile) if place.is_file()), None)
    if found is None:
        there = (
            ", ".join(sorted(path.name for path in (workspace.root / "profiles").glob("*.yaml"))) or "none"
        )
        raise ParamsError(f"{profile} does not exist.", f"Profiles in profiles/: {there}.")
    try:
        content = yaml.safe_load(found.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ParamsError(f"{found} is not YAML in UTF-8: {error}.", "Mend what it names.") from error
    if not isinstance(content, dict):
        raise ParamsError(f"{found} holds no sections.", "Write it like params.yaml, with only what differs.")
    return content


def _leaves(content: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, value in content.items():
        if isinstance(value, dict):
            found += _leaves(value, f"{prefix}{key}.")
        else:
            found.append((f"{prefix}{key}", str(value) if isinstance(value, date) else value))
    return found


def _portable(workspace: Workspace, path: Path) -> str:
    resolved = path.expanduser().resolve()
    inside = resolved.is_relative_to(workspace.root)
    return (resolved.relative_to(workspace.root) if inside else resolved).as_posix()


def _value(params: Params, key: str) -> Any:
    """Give what a key holds; of an unknown one something that equals nothing, null neither."""
    value: Any = params.model_dump(mode="json")
    for part in key.split("."):
        value = value.get(part, _UNKNOWN) if isinstance(value, dict) else _UNKNOWN
    return value
