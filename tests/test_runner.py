"""The runner over three stages, with DVC for real and stand-ins for the stages' work."""

import subprocess
from pathlib import Path

import pytest
import yaml

from rec_assets import pipeline, runner
from rec_assets.errors import CheckFailedError, CouturierError
from rec_assets.files import write_json
from rec_assets.params import change_params, read_params
from rec_assets.pipeline import STAGES, StageReport
from rec_assets.registry.lineage import source_of
from rec_assets.runner import plan, run_pipeline
from rec_assets.tracking import run_id
from rec_assets.versioning import find_dvc, render_dvc_yaml
from rec_assets.workspace import Workspace

PROJECT = Path(__file__).resolve().parents[1]
FIRST = STAGES[:3]
NAMES = [entry.name for entry in FIRST]


class Work:
    """Writes each stage's outputs, and remembers which stages ran."""

    def __init__(self):
        self.ran = []
        self.failing = None
        self.failure = KeyboardInterrupt()

    def __call__(self, workspace, name):
        self.ran.append(name)
        if name == self.failing:
            raise self.failure
        for output in pipeline.stage(name).outputs:
            path = workspace.root / output
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)
        return StageReport(summary=f"did {name}.", rows={"rows": 1234})


@pytest.fixture
def work(monkeypatch):
    stand_in = Work()
    monkeypatch.setattr(runner, "run_stage", stand_in)
    monkeypatch.setattr(runner, "STAGES", FIRST)
    monkeypatch.setattr(pipeline, "STAGES", FIRST)
    monkeypatch.delenv("COUTURIER_RUN_ID", raising=False)
    return stand_in


@pytest.fixture
def repository(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setenv("COUTURIER_DVC", str(find_dvc(Workspace(PROJECT))))
    subprocess.run(["git", "init", "--quiet", "."], cwd=workspace.root, check=True)
    for name in (".gitignore", ".dvcignore", ".dvc/config", ".dvc/.gitignore"):
        (workspace.root / name).parent.mkdir(exist_ok=True)
        (workspace.root / name).write_text((PROJECT / name).read_text())
    graph = yaml.safe_load(render_dvc_yaml())
    first = {"stages": {name: graph["stages"][name] for name in NAMES}}
    (workspace.root / "dvc.yaml").write_text(yaml.safe_dump(first))
    for entry in FIRST:
        for code in entry.code:
            path = workspace.root / code
            (path if path.suffix else path / "code.py").parent.mkdir(parents=True, exist_ok=True)
            (path if path.suffix else path / "code.py").write_text("one")
    change_params(workspace.params_file, {"tracking.mode": "disabled"})
    return workspace


def test_a_plan_holds_what_changed_and_what_reads_from_it():
    assert [entry.name for entry in plan(["trends"])] == [
        "trends",
        "promotion",
        "recommendations",
        "report",
    ]
    assert plan([]) == ()
    assert plan([], force=True) == STAGES
    assert [entry.name for entry in plan([], start="promotion")] == [
        "promotion",
        "recommendations",
        "report",
    ]
    with pytest.raises(CouturierError, match="no stage"):
        plan([], start="promotions")


def test_a_run_ends_with_all_recorded_and_a_second_does_nothing(repository, work):
    said = []
    ran = run_pipeline(repository, announce=said.append)
    assert [one.name for one in ran] == work.ran == NAMES
    assert "rows 1,234" in said[1]
    assert "did raw_data." in said[1]
    assert run_pipeline(repository, announce=said.append) == []
    assert said[-1] == "3 of 3 stages are up to date."
    assert not (repository.data / "run_id").exists()


def test_a_killed_run_goes_on_where_it_was(repository, work):
    work.failing = NAMES[2]
    with pytest.raises(KeyboardInterrupt):
        run_pipeline(repository, announce=lambda _: None)
    identity = (repository.data / "run_id").read_text()
    work.failing, work.ran = None, []
    run_pipeline(repository, announce=lambda _: None)
    assert work.ran == NAMES[2:]
    assert identity
    change_params(repository.params_file, {"validation.max_price": 5.0})
    work.ran = []
    run_pipeline(repository, announce=lambda _: None)
    assert work.ran == NAMES[1:]


def test_a_failed_check_stops_the_run_unrecorded(repository, work):
    work.failing, work.failure = NAMES[1], CheckFailedError("too many bad rows", "look")
    for _ in range(2):
        with pytest.raises(CheckFailedError):
            run_pipeline(repository, announce=lambda _: None)
    assert work.ran == [NAMES[0], NAMES[1], NAMES[1]]


def test_force_and_from_repeat_what_is_up_to_date(repository, work):
    run_pipeline(repository, announce=lambda _: None)
    work.ran = []
    run_pipeline(repository, start=NAMES[1], announce=lambda _: None)
    run_pipeline(repository, force=True, announce=lambda _: None)
    assert work.ran == NAMES[1:] + NAMES


def test_a_run_killed_while_it_was_tracked_is_tracked_when_it_goes_on(repository, work, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    tracked = []
    with monkeypatch.context() as patch:
        patch.setattr(runner, "track_reports", killed)
        with pytest.raises(KeyboardInterrupt):
            run_pipeline(repository, announce=lambda _: None)
    identity = (repository.data / "run_id").read_text()
    monkeypatch.setattr(runner, "track_reports", lambda workspace, _: tracked.append(run_id(workspace)))
    for _ in range(2):
        assert run_pipeline(repository, announce=lambda _: None) == []
    assert tracked == [identity]


def test_new_data_extend_the_champion(repository, work):
    run_pipeline(repository, announce=lambda _: None)
    source = source_of(read_params(repository.params_file))
    champion = {"version": "abc", "previous": [], "windows": {}, "source": source}
    write_json(champion, repository.registry / "champion.json")
    assert run_pipeline(repository, announce=lambda _: None) == []
    assert read_params(repository.params_file).lineage.parent is None
    change_params(repository.params_file, {"source.synthetic.months": 19})
    said = []
    run_pipeline(repository, announce=said.append)
    assert read_params(repository.params_file).lineage.parent == "abc"
    assert "lineage.parent = abc" in said[0]


def test_without_dvc_every_stage_runs(workspace, work):
    change_params(workspace.params_file, {"tracking.mode": "disabled"})
    run_pipeline(workspace, versioned=False, announce=lambda _: None)
    assert work.ran == NAMES
    work.ran = []
    run_pipeline(workspace, versioned=False, start=NAMES[2], announce=lambda _: None)
    assert work.ran == NAMES[2:]
