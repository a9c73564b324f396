"""Stage ``raw_data``: the retailer's files, or a synthetic retailer, as canonical tables in ``data/raw``."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
from tqdm import tqdm

from rec_assets.columns import DESCRIPTION
from rec_assets.files import atomic_folder, write_json
from rec_assets.params import Params
from rec_assets.pipeline import StageReport
from rec_assets.sources import amazon, hm, table
from rec_assets.sources.adapter import TABLE_FILES, Adapter
from rec_assets.sources.snapshots import resolve_snapshot, source_path
from rec_assets.sources.synthetic import generate
from rec_assets.workspace import Workspace

ADAPTERS: dict[str, Adapter] = {"hm": hm.read, "amazon": amazon.read, "table": table.read}
PREVIEW_ROWS = 10
PREVIEW_CHARACTERS = 80


def run(workspace: Workspace, params: Params) -> StageReport:
    """Write ``data/raw``: three tables, ``source.json`` and, for the synthetic retailer, ``truth/``.

    Raises
    ------
    TableError
        When the source's files are missing, empty or cannot be read.
    """
    source = params.source
    with atomic_folder(workspace.raw) as part:
        truth = part / "truth"
        truth.mkdir()
        (truth / ".keep").touch()
        record: dict[str, object] = {"kind": source.kind, "time": "date", "snapshot": None, "files": {}}
        if source.kind == "synthetic":
            retailer = generate(source.synthetic)
            retailer.write_tables(part)
            retailer.write_truth(truth)
        else:
            snapshot = resolve_snapshot(source_path(workspace, params), source.snapshot)
            imported = ADAPTERS[source.kind](snapshot.folder, part, source)
            hashes = file_hashes(imported.files)
            record |= {"time": imported.time, "snapshot": snapshot.name, "files": hashes}
            # As params.yaml has it: absolute only where the user wrote it so.
            record["path"] = source.path.as_posix()
        rows = {Path(name).stem: pq.read_metadata(part / name).num_rows for name in TABLE_FILES}
        write_json(record | {"rows": rows}, part / "source.json")
    name = f"{source.kind}, snapshot {record['snapshot']}" if record["snapshot"] else source.kind
    return StageReport(
        summary=f"{rows['transactions']:,} purchases, {rows['customers']:,} customers and "
        f"{rows['articles']:,} articles ({name}).",
        rows=rows,
        tables={Path(name).stem: preview(workspace.raw / name) for name in TABLE_FILES},
    )


def file_hashes(files: Sequence[Path]) -> dict[str, str]:
    """Give the SHA-256 of each file, by name."""
    hashes = {}
    for file in tqdm(files, desc="hashing source files", unit="file"):
        with file.open("rb") as stream:
            hashes[file.name] = hashlib.file_digest(stream, "sha256").hexdigest()
    return hashes


def preview(path: Path) -> pd.DataFrame:
    """Read a table's first rows only, long texts cut."""
    batch = next(pq.ParquetFile(path).iter_batches(batch_size=PREVIEW_ROWS), None)
    frame = batch.to_pandas() if batch is not None else pd.DataFrame()
    if DESCRIPTION in frame:
        frame[DESCRIPTION] = frame[DESCRIPTION].str.slice(0, PREVIEW_CHARACTERS)
    return frame
