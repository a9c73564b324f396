"""The champion pointer and the record of every decision and switch."""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

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
    """

    version: str
    previous: tuple[str, ...] = ()
    windows: dict[str, Any] | None = None


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
        return Champion(found["version"], tuple(found["previous"]), found["windows"])
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
    return _switch(workspace, Champion(version, previous, manifest.get("windows")), by)


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
    return _switch(workspace, Champion(version, tuple(older), manifest.get("windows")), "rollback")


def history(workspace: Workspace) -> list[dict[str, Any]]:
    """Every decision and switch, oldest first."""
    record = workspace.registry / "history.jsonl"
    if not record.exists():
        return []
    return [json.loads(line) for line in record.read_text().splitlines() if line]


def record_event(workspace: Workspace, event: str, details: dict[str, Any]) -> None:
    """Append to the history; the file is replaced whole, so a crash leaves no half line."""
    entry = {"event": event, "at": datetime.now(UTC).isoformat(timespec="seconds"), **details}
    lines = [json.dumps(line, sort_keys=True, ensure_ascii=False) for line in (*history(workspace), entry)]
    with atomic_file(workspace.registry / "history.jsonl") as part:
        part.write_text("\n".join(lines) + "\n")


def _switch(workspace: Workspace, champion: Champion, by: str) -> Champion:
    # One rename: a reader sees the old champion or the new one, a crash leaves either.
    write_json(asdict(champion), workspace.registry / "champion.json")
    record_event(workspace, SWITCHED, {"version": champion.version, "previous": champion.previous, "by": by})
    return champion
