"""What an asset's page shows: a :class:`StageReport` in Dagster's terms."""

import base64
import hashlib
import math
from pathlib import Path

import dagster as dg
import pandas as pd

import rec_assets
from rec_assets.files import content_hash
from rec_assets.pipeline import Stage, StageReport
from rec_assets.workspace import Workspace

CODE_ROOT = Path(rec_assets.__file__).parents[1]
SHORT = 16
"""Hexadecimal digits of a version that people compare by eye."""


def metadata(report: StageReport) -> dict[str, dg.MetadataValue]:
    """Row counts, metrics, tables, plots and links, in the order a reader wants them.

    Metrics that are not finite are left out: GraphQL has no such numbers, and one breaks the whole page.
    """
    shown: dict[str, dg.MetadataValue] = {"summary": dg.MetadataValue.text(report.summary)}
    if len(report.rows) == 1:
        shown["dagster/row_count"] = dg.MetadataValue.int(*map(int, report.rows.values()))
    for table, rows in report.rows.items():
        shown[f"rows: {table}"] = dg.MetadataValue.int(int(rows))
    for name, value in report.metrics.items():
        if math.isfinite(value):
            shown[name] = dg.MetadataValue.float(float(value))
    for title, frame in report.tables.items():
        shown[title] = dg.MetadataValue.md(_markdown(frame))
    for plot in report.plots:
        shown[plot.stem.replace("_", " ")] = dg.MetadataValue.md(_image(plot))
    for title, link in report.links.items():
        web = link.startswith(("http://", "https://"))
        shown[title] = dg.MetadataValue.url(link) if web else dg.MetadataValue.path(link)
    return shown


def data_version(workspace: Workspace, stage: Stage) -> dg.DataVersion:
    """Hash the contents of everything the stage wrote."""
    digest = hashlib.sha256()
    for output in stage.outputs:
        digest.update(f"{output} {content_hash(workspace.root / output)}\n".encode())
    return dg.DataVersion(digest.hexdigest()[:SHORT])


def code_version(stage: Stage, root: Path = CODE_ROOT) -> str:
    """Hash the rooms whose code changes the stage's outputs; compiled files do not count."""
    digest = hashlib.sha256()
    for room in (root / path for path in stage.code):
        for file in [room] if room.is_file() else sorted(room.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(f"{file.relative_to(root).as_posix()}\n".encode() + file.read_bytes())
    return digest.hexdigest()[:SHORT]


def _markdown(frame: pd.DataFrame) -> str:
    # A bar inside a cell would open a new column.
    text = frame.map(
        lambda cell: cell.replace("|", "\\|").replace("\n", " ") if isinstance(cell, str) else cell
    )
    return text.to_markdown(index=False, floatfmt=".4g")


def _image(plot: Path) -> str:
    return f"![{plot.stem}](data:image/png;base64,{base64.b64encode(plot.read_bytes()).decode()})"
