"""The champion pointer and the record of every decision and switch."""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from filelock import FileLock

from rec_assets.errors import RegistryError
from rec_assets.files import atomic_file, read_json, write_json
from rec_assets.registry.versions import find_version, verified
from rec_assets.workspace import Workspace

DECIDED = "decided"
SWITCHED = "switched"


@dataclass(frozen=True)
class Champion:
    """The version in service.

    Parameters
    ----------
    version
        Its id.
    previous
        Versions it replaced, the latest first; a rollback takes the first.
    windows
        ``windows.json`` of its training, which the trend sensor compares with.
    source
        The retailer it was trained for, as :func:`rec_assets.registry.lineage.source_of` tells it.
    """

    version: str
    previous: tuple[str, ...] = ()
    windows: dict[str, Any] | None = None
    source: dict[str, Any] | None = None


def read_champion(workspace: Workspace) -> Champion | None:
    """Read the pointer; none before the first promotion.

    Raises
    ------
    RegistryError
        When the pointer is not readable.
    """
    pointer = workspace.registry / "champion.json"
    if not pointer.exists():
        return None
    try:
        found = read_json(pointer)
        return Champion(found["version"], tuple(found["previous"]), found["windows"], found["source"])
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise RegistryError(
            f"{pointer} is damaged: {error}.",
            f"Delete it and run `couturier promote VERSION` ({pointer.parent}).",
        ) from error


def promote(workspace: Workspace, version: str, by: str = "command") -> Champion:
    """Make a stored version the champion; promoting the champion again changes nothing.

    Parameters
    ----------
    workspace
        Holds the registry.
    version
        Its id, or enough of the id's first digits.
    by
        Who asked, for the history.

    Raises
    ------
    RegistryError
        When the version is missing or damaged; the champion stays as it is.
    """
    version = find_version(workspace, version)
    manifest = verified(workspace, version)
    old = read_champion(workspace)
    if old and old.version == version:
        return old
    previous = (old.version, *old.previous) if old else ()
    return _switch(workspace, _described(version, previous, manifest), by)


def rollback(workspace: Workspace) -> Champion:
    """Put the champion's predecessor back in service.

    Raises
    ------
    RegistryError
        When there is no champion or no predecessor, or the predecessor is damaged.
    """
    champion = read_champion(workspace)
    if champion is None:
        raise RegistryError("There is no champion to roll back.", "`couturier run` promotes the first one.")
    if not champion.previous:
        raise RegistryError(
            f"Champion {champion.version} replaced no other version.",
            "`couturier history` lists all; `couturier promote VERSION` picks one.",
        )
    version, *older = champion.previous
    manifest = verified(workspace, version)
    return _switch(workspace, _described(version, tuple(older), manifest), "rollback")


def history(workspace: Workspace) -> list[dict[str, Any]]:
    """Read every decision and switch, oldest first.

    Raises
    ------
    RegistryError
        When a line is not readable.
    """
    record = workspace.registry / "history.jsonl"
    if not record.exists():
        return []
    try:
        return [json.loads(line) for line in record.read_text().splitlines() if line]
    except json.JSONDecodeError as error:
        raise RegistryError(
            f"{record} is damaged: {error}.", "Remove the line that is not JSON; the others stay valid."
        ) from error


def record_event(workspace: Workspace, event: str, details: dict[str, Any]) -> None:
    """Append to the history; the file is replaced whole, so a crash leaves no half line."""
    entry = {"event": event, "at": datetime.now(UTC).isoformat(timespec="seconds"), **details}
    workspace.registry.mkdir(parents=True, exist_ok=True)
    with FileLock(workspace.registry / ".history.lock"):
        entries = (*history(workspace), entry)
        with atomic_file(workspace.registry / "history.jsonl") as part:
            part.write_text(
                "".join(json.dumps(one, sort_keys=True, ensure_ascii=False) + "\n" for one in entries)
            )


def complete_history(workspace: Workspace) -> None:
    """Record a switch that a crash kept from the history, before anything else is decided or undone."""
    champion = read_champion(workspace)
    switches = [entry["version"] for entry in history(workspace) if entry["event"] == SWITCHED]
    if champion and switches[-1:] != [champion.version]:
        _record_switch(workspace, champion, "a run that was stopped")


def _described(version: str, previous: tuple[str, ...], manifest: dict[str, Any]) -> Champion:
    return Champion(version, previous, manifest.get("windows"), manifest.get("source"))


def _switch(workspace: Workspace, champion: Champion, by: str) -> Champion:
    complete_history(workspace)
    # One rename: a reader sees the old champion or the new one, a crash leaves either.
    write_json(asdict(champion), workspace.registry / "champion.json")
    _record_switch(workspace, champion, by)
    return champion


def _record_switch(workspace: Workspace, champion: Champion, by: str) -> None:
    record_event(workspace, SWITCHED, {"version": champion.version, "previous": champion.previous, "by": by})
