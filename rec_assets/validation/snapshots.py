"""Volume and freshness against the previous snapshot.

A small state file, ``data/registry/snapshots.json``, remembers each snapshot by the content of its raw
tables. The predecessor is fixed when a snapshot is first seen, so running the same snapshot again compares it
with the same one.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from rec_assets.files import content_hash, read_json, write_json
from rec_assets.params import Source, Validation
from rec_assets.validation.rules import TABLES
from rec_assets.validation.screening import Screening


@dataclass(frozen=True)
class Snapshot:
    """What is remembered about a snapshot.

    Parameters
    ----------
    content
        Hash of its raw tables.
    retailer
        Hash of where it came from; only snapshots of one retailer are compared.
    name
        Its folder, if it has one.
    rows
        Raw rows by table.
    newest
        Newest good purchase, ISO; none where the source gives an order but no time.
    previous
        Content of the snapshot it is compared with.
    accepted
        Whether it passed every check; only such a snapshot is a measure for later ones.
    """

    content: str
    retailer: str
    name: str | None
    rows: Mapping[str, int]
    newest: str | None
    previous: str | None = None
    accepted: bool = False


def describe(raw: Path, source: Source, screenings: Mapping[str, Screening]) -> Snapshot:
    """Describe the snapshot in ``raw``."""
    about = read_json(raw / "source.json") if (raw / "source.json").exists() else {}
    digest = hashlib.sha256("".join(content_hash(raw / f"{table}.parquet") for table in TABLES).encode())
    timed = about.get("time", "date") == "date"
    return Snapshot(
        content=digest.hexdigest(),
        retailer=_retailer(source),
        name=about.get("snapshot"),
        rows={table: screenings[table].raw for table in TABLES},
        newest=screenings["transactions"].newest if timed else None,
    )


def _retailer(source: Source) -> str:
    """Tell retailers apart: a synthetic one of another size or seed is another, and so are other files."""
    where: Any = source.synthetic.model_dump() if source.kind == "synthetic" else source.path.as_posix()
    return hashlib.sha256(f"{source.kind} {where}".encode()).hexdigest()[:16]


class SnapshotHistory:
    """The snapshots seen so far.

    Parameters
    ----------
    file
        The state file; it need not exist yet.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        stored = read_json(file)["snapshots"] if file.exists() else []
        self._snapshots = {entry["content"]: Snapshot(**entry) for entry in stored}

    def predecessor(self, snapshot: Snapshot) -> Snapshot | None:
        """Find what ``snapshot`` is compared with: as recorded, else the newest accepted one before it."""
        if known := self._snapshots.get(snapshot.content):
            return self._snapshots.get(known.previous or "")
        earlier = [
            entry
            for entry in self._snapshots.values()
            if entry.accepted and entry.retailer == snapshot.retailer and _before(entry, snapshot)
        ]
        if snapshot.name is not None and any(entry.name is not None for entry in earlier):
            return max(
                (entry for entry in earlier if entry.name is not None), key=lambda entry: str(entry.name)
            )
        return earlier[-1] if earlier else None

    def record(self, snapshot: Snapshot, accepted: bool) -> None:
        """Remember ``snapshot``, once, with its predecessor and whether it passed."""
        previous = self.predecessor(snapshot)
        self._snapshots[snapshot.content] = Snapshot(
            **{**asdict(snapshot), "previous": previous.content if previous else None, "accepted": accepted}
        )
        write_json({"snapshots": [asdict(entry) for entry in self._snapshots.values()]}, self.file)


def _before(entry: Snapshot, snapshot: Snapshot) -> bool:
    if entry.name is None or snapshot.name is None:
        return True
    return entry.name < snapshot.name


def complaints(
    snapshot: Snapshot, previous: Snapshot | None, params: Validation, today: date
) -> tuple[list[str], dict[str, float]]:
    """Say what is wrong with a snapshot's volume and freshness.

    Returns
    -------
    list of str
        One sentence per complaint, with its cure; empty when all is well.
    dict
        Rows over the previous snapshot's rows, by table.
    """
    found: list[str] = []
    ratios: dict[str, float] = {}
    newest = datetime.fromisoformat(snapshot.newest) if snapshot.newest else None
    if params.max_age_days is not None and newest and (today - newest.date()).days > params.max_age_days:
        found.append(
            f"the newest purchase is of {newest.date()}, {(today - newest.date()).days} days ago; "
            f"validation.max_age_days allows {params.max_age_days}. Fetch newer files."
        )
    if previous is None:
        return found, ratios
    for table in TABLES:
        before = previous.rows.get(table, 0)
        if before == 0:
            continue
        ratios[table] = snapshot.rows[table] / before
        if not params.min_volume_ratio <= ratios[table] <= params.max_volume_ratio:
            found.append(
                f"{table} has {snapshot.rows[table]} rows where the previous snapshot had {before} "
                f"({ratios[table]:.2f} times). Check the files; if they are right, change "
                "validation.min_volume_ratio or validation.max_volume_ratio."
            )
    if newest and previous.newest and newest < datetime.fromisoformat(previous.newest):
        found.append(
            f"the newest purchase is of {newest.date()}, older than the previous snapshot's "
            f"{previous.newest[:10]}. Fetch newer files, or remove data/registry/snapshots.json to start "
            "afresh."
        )
    return found, ratios
