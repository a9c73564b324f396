"""Model versions, the champion among them, and how one becomes it.

``data/registry`` belongs to this machine and is not versioned by DVC::

    champion.json    the version in service, the ones it replaced, and its training window
    history.jsonl    every decision and every switch, oldest first
    versions/<id>/   manifest.json, recommender/, vocabulary/, base/
"""

from rec_assets.registry.champion import Champion, history, promote, read_champion, rollback
from rec_assets.registry.versions import list_versions, version_folder

__all__ = ["Champion", "history", "list_versions", "promote", "read_champion", "rollback", "version_folder"]
