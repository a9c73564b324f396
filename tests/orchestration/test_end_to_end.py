"""The whole graph for real: Dagster and DVC agree byte for byte, and the daemon retrains by itself."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

import dagster as dg
import pandas as pd
import pytest
import yaml

from rec_assets.files import read_json
from rec_assets.params import change_params, read_params
from rec_assets.registry import list_versions
from rec_assets.workspace import Workspace

Command = Callable[..., CompletedProcess[str]]
PATIENCE_SECONDS = 600
START_SECONDS = 300


@pytest.mark.slow
def test_two_snapshots(
    small: Workspace, command: Command, environment: dict[str, str], tmp_path: Path
) -> None:
    """Dagster makes a model and DVC repeats it; the next snapshot's challenges it, and speaks its tokens."""
    parcel = tmp_path / "2026-01"
    table_files(small, command, parcel)
    incoming = small.root / "data" / "incoming"
    shutil.copytree(parcel, incoming / "2025-12")
    bought = pd.read_parquet(parcel / "transactions.parquet")
    earlier = bought["timestamp"] < bought["timestamp"].max() - pd.Timedelta(days=28)
    bought[earlier].to_parquet(incoming / "2025-12" / "transactions.parquet")
    everything = 'key:"raw_data"+ or key:"base_model"+'
    command("dagster", "asset", "materialize", "--select", everything, "-m", "orchestration.definitions")
    assert "up to date" in command("dvc", "repro").stdout
    made = recorded(small)
    command("dvc", "repro", "--force")
    repeated = recorded(small)
    assert repeated.keys() == made.keys()
    assert [path for path, md5 in made.items() if repeated[path] != md5] == []
    (champion,) = list_versions(small)
    command("couturier", "promote", champion)
    known = pd.read_parquet(small.vocabulary / "registry.parquet")["sku"].tolist()
    with (
        dagster_dev(small, environment) as running,
        dg.DagsterInstance.from_config(environment["DAGSTER_HOME"]) as instance,
    ):
        assert "no snapshot after '2025-12'" in running.said("no snapshot after")
        assert len(instance.get_runs()) == 1
        shutil.copytree(parcel, incoming / "2026-01")
        run = running.finished(instance)
        assert run.status == dg.DagsterRunStatus.SUCCESS, failures(instance, run)
        assert (run.job_name, run.tags["couturier/snapshot"]) == ("retrain", "2026-01")
        assert run.tags["dagster/sensor_name"] == "new_data"
    params = read_params(small.params_file)
    assert (params.source.snapshot, params.lineage.parent) == ("2026-01", champion)
    assert pd.read_parquet(small.vocabulary / "registry.parquet")["sku"].tolist()[: len(known)] == known
    decision = read_json(small.reports / "promotion.json")
    assert champion in [one["against"] for one in decision["comparisons"]]
    assert all(one["customers"] > 0 for one in decision["comparisons"])
    assert read_json(small.recommendations / "model.json")["champion"] == decision["champion"]
    assert "up to date" in command("dvc", "status").stdout
    assert (small.reports / "report.html").exists()


def recorded(workspace: Workspace) -> dict[str, str]:
    lock = yaml.safe_load((workspace.root / "dvc.lock").read_text())
    return {out["path"]: out["md5"] for stage in lock["stages"].values() for out in stage["outs"]}


def table_files(workspace: Workspace, command: Command, folder: Path) -> None:
    """Write the synthetic retailer's tables as a shop would send them, and map their columns."""
    command("couturier", "stage", "raw_data")
    folder.mkdir()
    for name in ("transactions", "customers", "articles"):
        shutil.copy(workspace.raw / f"{name}.parquet", folder)
    shutil.rmtree(workspace.raw)
    columns = {
        "transactions": ("customer_id", "sku", "timestamp", "price", "channel"),
        "customers": ("customer_id", "age", "country", "gender"),
        "articles": ("sku", "title", "description", "category", "colour", "department"),
    }
    tables = {
        name: {"file": f"{name}.parquet", "columns": {column: column for column in wanted}}
        for name, wanted in columns.items()
    }
    change_params(workspace.params_file, {"source.kind": "table", "source.tables": tables})


@dataclass(frozen=True)
class DagsterDev:
    """A ``dagster dev`` under way; whoever waits for it in vain is shown what it logged."""

    process: subprocess.Popen[bytes]
    log: Path

    def said(self, words: str) -> str:
        """Wait until the daemon logs the words."""
        end = time.monotonic() + START_SECONDS
        while words not in (logged := self.log.read_text()):
            self._still_worth_waiting(end, words)
        return logged

    def finished(self, instance: dg.DagsterInstance) -> dg.DagsterRun:
        """Wait for the end of the snapshot's run."""
        end = time.monotonic() + PATIENCE_SECONDS
        snapshot_runs = dg.RunsFilter(tags={"couturier/snapshot": "2026-01"})
        while not (runs := instance.get_runs(snapshot_runs)) or not runs[0].is_finished:
            self._still_worth_waiting(end, f"the end of one of {instance.get_runs()}")
        return runs[0]

    def _still_worth_waiting(self, end: float, what: str) -> None:
        tail = self.log.read_text()[-6000:]
        assert self.process.poll() is None, f"dagster dev ended before {what}\n{tail}"
        assert time.monotonic() < end, f"waited too long for {what}\n{tail}"
        time.sleep(2)


@contextmanager
def dagster_dev(workspace: Workspace, environment: dict[str, str]) -> Iterator[DagsterDev]:
    path = workspace.root / "dagster.log"
    with path.open("w") as log:
        process = subprocess.Popen(
            ["dagster", "dev", "-m", "orchestration.definitions"],
            cwd=workspace.root,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield DagsterDev(process, path)
        finally:
            # Its web server, daemon and code server are children in one group of their own.
            # Not SIGINT: a shell starts background jobs with it ignored.
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def failures(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str:
    events = [entry for entry in instance.all_logs(run.run_id) if entry.is_dagster_event]
    said = [str(entry.dagster_event) for entry in events if entry.get_dagster_event().is_failure]
    return "\n".join(said)[-6000:]
