"""One graph, two views: the stages, ``dvc.yaml`` and the parameters agree."""

from pathlib import Path

import pytest
import yaml

from rec_assets.errors import CouturierError
from rec_assets.params import Params
from rec_assets.pipeline import STAGES, Stage, downstream, stage
from rec_assets.versioning import render_dvc_yaml

PROJECT = Path(__file__).resolve().parents[1]


def test_dvc_yaml_is_the_graph() -> None:
    written = (PROJECT / "dvc.yaml").read_text()
    assert written == render_dvc_yaml(), "pipeline.py and dvc.yaml disagree: run `make dvc.yaml`"


def test_stages_are_in_running_order() -> None:
    ran: set[str] = set()
    for entry in STAGES:
        assert ran.issuperset(entry.after), f"{entry.name} comes before what it reads"
        ran.add(entry.name)
    assert len(ran) == len(STAGES)


def test_every_path_has_one_writer() -> None:
    paths = [Path(path) for entry in STAGES for path in entry.outputs]
    for path in paths:
        others = [other for other in paths if other is not path]
        assert path not in others
        assert not set(path.parents).intersection(others), f"{path} lies inside another stage's output"


def test_metrics_and_plots_are_outputs() -> None:
    for entry in STAGES:
        for path in (*entry.metrics, *entry.plots):
            inside = {path, *(parent.as_posix() for parent in Path(path).parents)}
            assert inside.intersection(entry.outputs), f"{entry.name} does not write {path}"


@pytest.mark.parametrize("entry", STAGES, ids=lambda entry: entry.name)
def test_a_stage_points_at_things_that_exist(entry: Stage) -> None:
    assert callable(entry.load())
    assert set(entry.sections) <= set(Params.model_fields)
    assert [path for path in entry.code if not (PROJECT / path).exists()] == []
    module = Path(entry.function.partition(":")[0].replace(".", "/") + ".py")
    assert any(module.is_relative_to(path) for path in entry.code), f"{module} is not in its own code"


def test_dvc_runs_stages_by_name() -> None:
    stages = yaml.safe_load((PROJECT / "dvc.yaml").read_text())["stages"]
    assert {name: entry["cmd"] for name, entry in stages.items()} == {
        entry.name: f"couturier stage {entry.name}" for entry in STAGES
    }
    assert "${source.path}" in stages["raw_data"]["deps"]


def test_downstream_is_what_reads_from_it() -> None:
    assert {entry.name for entry in downstream(["recommendations"])} == {"recommendations", "report"}
    assert "trends" not in {entry.name for entry in downstream(["vocabulary"])}


def test_an_unknown_stage_names_the_known_ones() -> None:
    with pytest.raises(CouturierError, match="raw_data, validated_data"):
        stage("raw")
