"""Assets run the real stages in a clone of the project, with DVC."""

import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE, Popen

import dagster as dg
import pytest

from orchestration.assets import assets
from orchestration.resources import WorkspaceResource
from orchestration.retraining import SNAPSHOT_TAG
from rec_assets.params import change_params
from rec_assets.versioning import changed_stages, find_dvc
from rec_assets.workspace import Workspace

PROJECT = Path(__file__).resolve().parents[2]
DATA = ("raw_data", "validated_data", "splits")


@pytest.fixture(autouse=True)
def dvc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUTURIER_DVC", str(find_dvc(Workspace(PROJECT))))


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def materialise(
    workspace: Workspace, instance: dg.DagsterInstance, *names: str, tags: dict[str, str] | None = None
) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        assets,
        selection=list(names),
        resources={"workspace": WorkspaceResource(root=str(workspace.root))},
        instance=instance,
        tags=tags,
        raise_on_error=False,
    )


def test_a_materialised_stage_is_recorded_and_described(
    small: Workspace, instance: dg.DagsterInstance
) -> None:
    result = materialise(small, instance, *DATA)
    assert result.success
    assert not set(DATA) & set(changed_stages(small))
    (event,) = result.asset_materializations_for_node("raw_data")
    assert event.metadata["rows: customers"].value == 60
    assert isinstance(event.metadata["transactions"], dg.MarkdownMetadataValue)
    assert event.tags is not None
    assert len(event.tags["dagster/data_version"]) == 16
    passed = {check.check_name for check in result.get_asset_check_evaluations() if check.passed}
    assert {"transactions_suite", "references", "no_leakage"} <= passed


def test_the_same_data_has_the_same_version(small: Workspace, instance: dg.DagsterInstance) -> None:
    versions = [
        materialise(small, instance, "raw_data").asset_materializations_for_node("raw_data")[0].tags
        for _ in range(2)
    ]
    assert versions[0] is not None
    assert versions[1] is not None
    assert versions[0]["dagster/data_version"] == versions[1]["dagster/data_version"]


def test_a_failed_check_stops_what_follows_and_is_not_recorded(
    small: Workspace, instance: dg.DagsterInstance
) -> None:
    change_params(small.params_file, {"validation.max_price": 0.01})
    result = materialise(small, instance, *DATA)
    assert not result.success
    failed = [check for check in result.get_asset_check_evaluations() if not check.passed]
    assert {check.severity for check in failed} == {dg.AssetCheckSeverity.ERROR}
    assert "transactions_suite" in {check.check_name for check in failed}
    assert result.asset_materializations_for_node("splits") == []
    assert not small.splits.exists()
    assert {"validated_data", "splits"} <= set(changed_stages(small))


def test_bad_input_is_told_with_its_cure(small: Workspace, instance: dg.DagsterInstance) -> None:
    change_params(small.params_file, {"source.kind": "hm", "source.path": "data/nowhere"})
    result = materialise(small, instance, "raw_data")
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    error = failure.step_failure_data.user_failure_data
    assert error is not None
    assert "data/nowhere" in str(error.description)
    assert "source.path" in str(error.description)


def test_nothing_runs_beside_a_run_of_the_command_line(
    small: Workspace, instance: dg.DagsterInstance
) -> None:
    holds = "import sys, time; from rec_assets.workspace import Workspace, alone\n"
    holds += "from pathlib import Path\n"
    holds += "with alone(Workspace(Path(sys.argv[1]))): print('held', flush=True); time.sleep(600)"
    other = Popen([sys.executable, "-c", holds, small.root], stdout=PIPE, text=True, cwd=PROJECT)
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        before = small.params_file.read_bytes()
        result = materialise(small, instance, "raw_data", tags={SNAPSHOT_TAG: "2026-03"})
    finally:
        other.kill()
        other.wait()
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    error = failure.step_failure_data.user_failure_data
    assert error is not None
    assert "Another run works in" in str(error.description)
    assert not small.raw.exists()
    assert small.params_file.read_bytes() == before


def test_without_dvc_nothing_runs(
    small: Workspace, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COUTURIER_DVC", "/nowhere/dvc")
    assert not materialise(small, instance, "raw_data").success
    assert not small.raw.exists()
