"""Model versions: named by their content, stored once, verified before use."""

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

from rec_assets.errors import RegistryError
from rec_assets.files import atomic_folder, content_hash, read_json, write_json
from rec_assets.workspace import Workspace

MANIFEST = "manifest.json"
_RETRAIN = (
    "Train again with `couturier run --from recommender`, or promote another version: `couturier history`."
)


def parts(workspace: Workspace) -> dict[str, Path]:
    """Folders that together are one model, by the name each has inside a version."""
    return {
        "recommender": workspace.recommender,
        "vocabulary": workspace.vocabulary,
        "base": workspace.base_model,
    }


def version_id(workspace: Workspace) -> str:
    """Twelve hexadecimal digits of the model's content: the same files have the same version anywhere.

    Raises
    ------
    RegistryError
        When one of its folders is missing.
    """
    digest = hashlib.sha256()
    for name, folder in parts(workspace).items():
        if not folder.is_dir():
            raise RegistryError(f"{folder} does not exist.", "Run the pipeline first: couturier run.")
        digest.update(f"{name} {content_hash(folder)}\n".encode())
    return digest.hexdigest()[:12]


def version_folder(workspace: Workspace, version: str) -> Path:
    """Where a version's files lie; it may not exist."""
    return workspace.registry / "versions" / version


def list_versions(workspace: Workspace) -> list[str]:
    """List stored versions, sorted by id."""
    folder = workspace.registry / "versions"
    return sorted(path.parent.name for path in folder.glob(f"*/{MANIFEST}") if path.parent.name[0] != ".")


def find_version(workspace: Workspace, start: str) -> str:
    """Complete the first digits of a version's id.

    Raises
    ------
    RegistryError
        When no stored version starts so, or several do.
    """
    known = list_versions(workspace)
    found = [version for version in known if start and version.startswith(start)]
    if len(found) != 1:
        problem = f"{len(found)} versions start with" if found else "There is no model version"
        raise RegistryError(
            f"{problem} {start!r}.",
            f"Stored versions: {', '.join(found or known) or 'none yet; run couturier run'}.",
        )
    return found[0]


def store(workspace: Workspace, version: str, details: dict[str, Any]) -> None:
    """Keep the workspace's model as ``version``; a version stored and sound is left as it is.

    Files are hard links where the disk allows: every stage replaces its files by renaming new ones over them,
    and DVC unlinks before it writes, so a link keeps the old content. A damaged copy is stored afresh.

    Parameters
    ----------
    workspace
        Holds the model.
    version
        Its :func:`version_id`.
    details
        What else its manifest tells: windows, source, parent.
    """
    folder = version_folder(workspace, version)
    if (folder / MANIFEST).exists() and not damage(folder):
        return
    with atomic_folder(folder) as part:
        for name, source in parts(workspace).items():
            shutil.copytree(source, part / name, copy_function=_link)
        files = sorted(path for path in part.rglob("*") if path.is_file())
        hashes = {path.relative_to(part).as_posix(): content_hash(path) for path in files}
        write_json({**details, "version": version, "files": hashes}, part / MANIFEST)


def damage(folder: Path) -> list[str]:
    """Name the files of a stored version that are missing or differ from its manifest."""
    try:
        files = read_json(folder / MANIFEST)["files"]
    except (json.JSONDecodeError, KeyError):
        return [MANIFEST]
    return [
        name
        for name, expected in files.items()
        if not (folder / name).is_file() or content_hash(folder / name) != expected
    ]


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest of a stored version.

    Raises
    ------
    RegistryError
        When the version is missing.
    """
    if not (folder / MANIFEST).exists():
        raise RegistryError(f"Model version {folder.name} is not stored in {folder}.", _RETRAIN)
    manifest: dict[str, Any] = read_json(folder / MANIFEST)
    return manifest


def verified(workspace: Workspace, version: str) -> dict[str, Any]:
    """Read a version's manifest after checking every file against it.

    Raises
    ------
    RegistryError
        When the version is missing or damaged.
    """
    folder = version_folder(workspace, version)
    manifest = read_manifest(folder)
    if damaged := damage(folder):
        raise RegistryError(
            f"Model version {version} is damaged: {', '.join(damaged)} in {folder} differ from the manifest.",
            _RETRAIN,
        )
    return manifest


def _link(source: str, target: str) -> str:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without hard links
        shutil.copy2(source, target)
    return target
