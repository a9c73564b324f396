"""What an asset's page shows."""

import base64
import math
from pathlib import Path

import dagster as dg
import pandas as pd

from orchestration.metadata import code_version, data_version, metadata
from rec_assets.pipeline import Stage, StageReport
from rec_assets.workspace import Workspace

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def a_stage(**changes: tuple[str, ...]) -> Stage:
    return Stage(
        **{
            "name": "shelf",
            "group": "data",
            "kinds": (),
            "description": "",
            "function": "x:y",
            "after": (),
            "outputs": ("data/shelf",),
            "sections": (),
            "code": ("room",),
            **changes,
        }
    )


def test_rows_metrics_and_links() -> None:
    shown = metadata(
        StageReport(
            "Four shelves.",
            rows={"shelves": 4},
            metrics={"ndcg@10": 0.25, "lift": math.nan, "ratio": math.inf},
            links={"data docs": "/shop/index.html", "run": "https://example.org/1"},
        )
    )
    assert shown["dagster/row_count"] == shown["rows: shelves"] == dg.MetadataValue.int(4)
    assert shown["ndcg@10"] == dg.MetadataValue.float(0.25)
    assert not {"lift", "ratio"} & shown.keys()
    assert shown["data docs"] == dg.MetadataValue.path("/shop/index.html")
    assert shown["run"] == dg.MetadataValue.url("https://example.org/1")


def test_a_table_keeps_its_columns_whatever_its_cells_hold() -> None:
    frame = pd.DataFrame({"title": ["Belt | brown\nleather"], "score": [0.123456]})
    text = metadata(StageReport("", tables={"lists": frame}))["lists"].value
    assert text.splitlines()[-1] == r"| Belt \| brown leather |  0.1235 |"


def test_a_plot_is_shown_in_place(tmp_path: Path) -> None:
    (tmp_path / "loss_curve.png").write_bytes(PIXEL)
    shown = metadata(StageReport("", plots=[tmp_path / "loss_curve.png"]))["loss curve"].value
    assert base64.b64decode(shown.partition("base64,")[2].rstrip(")")) == PIXEL


def test_data_version_follows_the_contents(workspace: Workspace) -> None:
    stage = a_stage()
    shelf = workspace.root / "data" / "shelf"
    shelf.mkdir()
    (shelf / "a.txt").write_text("one")
    first = data_version(workspace, stage)
    (shelf / "a.txt").write_text("two")
    second = data_version(workspace, stage)
    (shelf / "a.txt").write_text("one")
    assert first != second
    assert data_version(workspace, stage) == first


def test_code_version_follows_the_room_and_nothing_else(tmp_path: Path) -> None:
    room = tmp_path / "room"
    (room / "__pycache__").mkdir(parents=True)
    (room / "shelf.py").write_text("shelves = 4\n")
    first = code_version(a_stage(), tmp_path)
    (room / "__pycache__" / "shelf.pyc").write_bytes(b"compiled")
    (tmp_path / "other.py").write_text("")
    assert code_version(a_stage(), tmp_path) == first
    (room / "shelf.py").write_text("shelves = 5\n")
    assert code_version(a_stage(), tmp_path) != first
