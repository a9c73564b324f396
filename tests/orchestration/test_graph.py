"""The whole graph against a snapshot; to accept a change: COUTURIER_ACCEPT=1 pytest tests/orchestration."""

import ast
import json
import os
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from orchestration.definitions import defs
from rec_assets.pipeline import STAGES

SNAPSHOT = Path(__file__).parent / "graph.json"
SOURCES = sorted((Path(__file__).parents[2] / "orchestration").rglob("*.py"))


@pytest.fixture(scope="module")
def repository() -> dg.RepositoryDefinition:
    return defs.get_repository_def()


def describe(repository: dg.RepositoryDefinition) -> dict[str, Any]:
    graph = repository.asset_graph
    assets = {}
    for key in sorted(graph.get_all_asset_keys(), key=lambda key: key.to_user_string()):
        node = graph.get(key)
        assets[key.to_user_string()] = {
            "after": sorted(parent.to_user_string() for parent in node.parent_keys),
            "group": node.group_name,
            "kinds": sorted(node.kinds),
            "owners": sorted(node.owners),
            "checks": {
                check.name: "blocking" if graph.get_check_spec(check).blocking else "warning"
                for check in sorted(graph.get_check_keys_for_assets({key}), key=lambda check: check.name)
            },
        }
    return {
        "assets": assets,
        "jobs": {
            job.name: sorted(key.to_user_string() for key in job.asset_layer.executable_asset_keys)
            for job in sorted(repository.get_all_jobs(), key=lambda job: job.name)
            if not job.name.startswith("__")
        },
        "schedules": {
            schedule.name: {
                "cron": schedule.cron_schedule,
                "timezone": schedule.execution_timezone,
                "job": schedule.job_name,
                "status": schedule.default_status.value,
            }
            for schedule in repository.schedule_defs
        },
        "sensors": {
            sensor.name: {
                "jobs": [job.name for job in sensor.jobs],
                "seconds": sensor.minimum_interval_seconds,
                "status": sensor.default_status.value,
            }
            for sensor in repository.sensor_defs
        },
    }


def test_the_graph_is_the_snapshot(repository: dg.RepositoryDefinition) -> None:
    found = json.dumps(describe(repository), indent=2, sort_keys=True) + "\n"
    if os.environ.get("COUTURIER_ACCEPT"):
        SNAPSHOT.write_text(found)
    assert found == SNAPSHOT.read_text(), "the graph changed; look, then accept it with COUTURIER_ACCEPT=1"


def test_every_stage_is_an_asset_with_its_inputs_and_checks(repository: dg.RepositoryDefinition) -> None:
    graph = repository.asset_graph
    assert {key.to_user_string() for key in graph.get_all_asset_keys()} == {stage.name for stage in STAGES}
    for stage in STAGES:
        key = dg.AssetKey(stage.name)
        assert {parent.to_user_string() for parent in graph.get(key).parent_keys} == set(stage.after)
        assert {check.name for check in graph.get_check_keys_for_assets({key})} == set(stage.checks)


def test_a_selection_is_parsed(repository: dg.RepositoryDefinition) -> None:
    # Dagster's grammar dies with DVC's antlr4 in the same environment.
    selection = dg.AssetSelection.from_string('key:"recommender"+ and group:"serving"')
    chosen = {key.to_user_string() for key in selection.resolve(repository.asset_graph)}
    assert chosen == {"recommendations", "promotion", "report"}


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: file.name)
def test_annotations_are_evaluated(file: Path) -> None:
    """Dagster reads the context's type hint as an object; postponed evaluation makes it a string."""
    imports = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.ImportFrom)]
    assert not [node for node in imports if node.module == "__future__"]
