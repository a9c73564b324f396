import json
import os
import struct
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml

from rec_assets import tracking
from rec_assets.files import write_json
from rec_assets.params import Params, Tracking
from rec_assets.tracking import NullTracker, data_versions, flatten, one_run, run_id, track_reports, tracker

BLOCK = 32_768


def records(path: Path):
    """Scan a ``.wandb`` file: LevelDB's log format around protobuf records."""
    from wandb.proto.wandb_internal_pb2 import Record

    stored = path.read_bytes()
    assert stored[:4] == b":W&B"
    place, whole = 7, b""
    while place < len(stored):
        if BLOCK - place % BLOCK < 7:
            place += BLOCK - place % BLOCK
            continue
        _, length, kind = struct.unpack("<IHB", stored[place : place + 7])
        whole += stored[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # a full record, or the last part of one
            record = Record()
            record.ParseFromString(whole)
            yield record
            whole = b""


def offline_runs(workspace):
    """The run files, once W&B's own process has written their last record."""
    runs = sorted((workspace.root / "wandb").glob("offline-run-*/*.wandb"))
    deadline = time.monotonic() + 60
    while not all(any(r.WhichOneof("record_type") == "exit" for r in records(run)) for run in runs):
        assert time.monotonic() < deadline, "W&B did not finish writing"
        time.sleep(0.2)
    return runs


@pytest.fixture(autouse=True)
def surroundings(monkeypatch):
    for name in (
        "COUTURIER_RUN_ID",
        "WANDB_API_KEY",
        "WANDB_DIR",
        "WANDB_DATA_DIR",
        "WANDB_CACHE_DIR",
        "WANDB_SILENT",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def reported(workspace):
    write_json({"models": {"couturier": {"ndcg@10": 0.31}}, "name": "x"}, workspace.reports / "metrics.json")
    write_json({"decision": "first", "comparisons": []}, workspace.reports / "promotion.json")
    (workspace.reports / "training_curve.csv").write_text("epoch,loss\n1,2.5\n2,1.5\n")
    (workspace.reports / "report.html").write_text("<html></html>")
    lock = {"stages": {"splits": {"outs": [{"path": "data/splits", "md5": "abc.dir"}]}}}
    (workspace.root / "dvc.lock").write_text(yaml.safe_dump(lock))
    return workspace


def test_an_offline_run_holds_configuration_versions_metrics_and_curves(reported, capfd):
    with one_run("pipeline-7"):
        training = tracker(reported, Params(), "training")
        for step, loss in enumerate((2.5, 1.5)):
            training.metrics({"loss": loss}, step=step)
        training.finish()
        track_reports(reported, Params())

    (stored,) = offline_runs(reported)
    config, summary, history, artefacts = {}, {}, [], []
    for record in records(stored):
        kind = record.WhichOneof("record_type")
        if kind in ("run", "config"):
            changed = record.run.config if kind == "run" else record.config
            config |= {"/".join(i.nested_key) or i.key: json.loads(i.value_json) for i in changed.update}
            assert kind != "run" or record.run.run_id == "pipeline-7"
        elif kind == "summary":
            for item in record.summary.update:
                summary["/".join(item.nested_key) or item.key] = json.loads(item.value_json)
        elif kind == "history":
            history.append(
                {"/".join(i.nested_key) or i.key: json.loads(i.value_json) for i in record.history.item}
            )
        elif kind == "artifact" or (kind == "request" and record.request.HasField("log_artifact")):
            artefacts.append(record)

    assert config["params"]["training"]["method"] == "qlora"
    assert config["data_versions"] == {"data/splits": "abc.dir"}
    assert summary["metrics/models/couturier/ndcg@10"] == 0.31
    assert [row["loss"] for row in history if "loss" in row] == [2.5, 1.5]
    assert any("training_curve" in key for row in history for key in row)
    assert artefacts
    staged = list((reported.root / "wandb" / "artifacts").rglob("*"))
    assert any(path.is_file() and path.read_bytes() == b"<html></html>" for path in staged)
    assert run_id(reported) != "pipeline-7"
    said = capfd.readouterr()
    assert said.out + said.err == ""


def test_offline_works_without_any_network(reported):
    # Every connection fails at once: an offline run must not notice.
    script = (
        "import socket\n"
        "real = socket.socket.connect\n"
        "def refuse(self, address):\n"
        "    if self.family == socket.AF_UNIX or address[0] in ('127.0.0.1', 'localhost'):\n"
        "        return real(self, address)\n"
        "    raise OSError('no network')\n"
        "socket.socket.connect = refuse\n"
        "from rec_assets.workspace import Workspace\n"
        "from rec_assets.params import Params\n"
        "from rec_assets.tracking import track_reports\n"
        "track_reports(Workspace.find(), Params())\n"
    )
    unreachable = dict.fromkeys(
        ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9"
    )
    surroundings = {**os.environ, **unreachable, "COUTURIER_HOME": str(reported.root)}
    subprocess.run([sys.executable, "-c", script], env=surroundings, check=True, timeout=120)
    assert len(offline_runs(reported)) == 1


def test_disabled_tracking_writes_nothing(reported):
    params = Params(tracking=Tracking(mode="disabled"))
    assert isinstance(tracker(reported, params, "training"), NullTracker)
    track_reports(reported, params)
    assert not (reported.root / "wandb").exists()


def test_a_key_goes_online_only_when_the_mode_allows(monkeypatch):
    assert tracking.tracking_mode(Params()) == "offline"
    monkeypatch.setenv("WANDB_API_KEY", "x" * 40)
    assert tracking.tracking_mode(Params()) == "online"
    assert tracking.tracking_mode(Params(tracking=Tracking(mode="offline"))) == "offline"


def test_the_run_id_comes_from_the_environment_or_the_parameters(workspace, monkeypatch):
    from_params = run_id(workspace)
    assert from_params == run_id(workspace)
    workspace.params_file.write_text(workspace.params_file.read_text() + "\n")
    assert run_id(workspace) != from_params
    before = run_id(workspace)
    write_json({"files": {"sales.csv": "abc"}}, workspace.raw / "source.json")
    assert run_id(workspace) != before
    monkeypatch.setenv("COUTURIER_RUN_ID", "a/b:c")
    assert run_id(workspace) == "a-b-c"


def test_numbers_are_flattened_and_versions_need_a_lock(workspace):
    assert flatten({"a": {"b": 1, "flag": True}, "c": [0.5, "x"], "d": None}, "m") == {
        "m/a/b": 1,
        "m/c/0": 0.5,
    }
    assert data_versions(workspace) == {}


def test_long_tables_are_cut(monkeypatch, reported):
    with one_run("table"):
        open_run = tracker(reported, Params(), "report")
        open_run.table("long", pd.DataFrame({"n": range(5000)}))
    (stored,) = (reported.root / "wandb").rglob("long*.table.json")
    assert len(json.loads(stored.read_text())["data"]) == 2000
