import pandas as pd
import pytest

from rec_assets import pipeline, runner, tracking
from rec_assets.cli.explain import explain
from rec_assets.files import write_json, write_table
from rec_assets.params import Params, Section, change_params
from rec_assets.pipeline import StageReport
from rec_assets.registry import read_champion
from rec_assets.registry.versions import store


@pytest.fixture
def prompts(workspace):
    rows = pd.DataFrame(
        {
            "customer_id": [f"C{i:05d}" for i in range(30)],
            "header": "A customer in their 20s.",
            "moments": [["In May:", ""]] * 30,
            "history": [["7", "9"]] * 30,
            "closing": "In June:",
        }
    )
    write_table(rows, workspace.prompts / "latest.parquet")
    write_table(rows[["customer_id"]], workspace.behaviour / "customers.parquet")
    write_table(pd.DataFrame({"sku": ["7"], "title": ["Red [linen] dress"]}), workspace.item_texts)
    return workspace


@pytest.fixture
def stored(workspace):
    for folder in (workspace.recommender, workspace.vocabulary, workspace.base_model):
        folder.mkdir(parents=True)
        (folder / "weights.safetensors").write_text(folder.name)
    for version in ("aaa1", "bbb2"):
        store(workspace, version, {"windows": None})
    return workspace


def every_section(section=Section):
    for child in section.__subclasses__():
        yield child
        yield from every_section(child)


def test_every_parameter_has_a_meaning_of_its_own():
    missing = [
        f"{section.__name__}.{name}"
        for section in every_section()
        for name, field in section.model_fields.items()
        if not field.description
        and "rec_assets.params" not in str(field.annotation)
        and section.__name__ != "Tables"
    ]
    assert missing == []


def test_params_lists_every_leaf_of_the_file(couturier):
    rows = {key: value for key, value, _ in explain(Params())}
    assert rows["training.lora.rank"] == "32"
    assert rows["heads.category.label"] == "category"
    assert rows["source.snapshot"] == "null"
    shown = couturier("params", "promotion")
    assert "promotion.tolerance" in shown.output
    assert "training.epochs" not in shown.output
    wrong = couturier("params", "trainning")
    assert wrong.exit_code == 1
    assert "training" in wrong.stderr


def test_an_unknown_customer_is_answered_with_the_nearest(couturier, prompts):
    ended = couturier("recommend", "C0012")
    assert ended.exit_code == 1
    assert "No customer 'C0012'" in ended.stderr
    assert "C00012" in ended.stderr
    assert couturier("show-prompt", "C0012").exit_code == 1


def test_a_prompt_can_be_read_with_titles(couturier, prompts):
    shown = couturier("show-prompt", "C00003", "--titles")
    assert "In May: <sku:7> In June: <sku:9>" in shown.output
    assert "Red [linen] dress" in shown.output


def test_before_the_first_run_the_cure_is_to_run(couturier):
    for command in (("recommend", "C1"), ("show-prompt", "C1")):
        ended = couturier(*command)
        assert ended.exit_code == 1
        assert "couturier run" in ended.stderr


def test_versions_are_promoted_rolled_back_and_listed(couturier, stored):
    assert "Stored versions: aaa1, bbb2" in couturier("history").output
    assert couturier("promote", "a").output == "Champion: aaa1\n"
    assert couturier("promote", "bbb2").exit_code == 0
    assert couturier("rollback").output == "Champion: aaa1\n"
    assert read_champion(stored).version == "aaa1"
    stored.recommendations.mkdir(parents=True)
    write_json({"champion": "aaa1"}, stored.recommendations / "model.json")
    assert "still those of aaa1: couturier run --from recommendations" in couturier("promote", "b").output
    assert couturier("rollback").output == "Champion: aaa1\n"
    listed = couturier("history").output
    assert listed.index("bbb2") < listed.index("by rollback")
    wrong = couturier("promote", "ccc")
    assert wrong.exit_code == 1
    assert "Stored versions: aaa1, bbb2" in wrong.stderr
    assert couturier("rollback").exit_code == 1


def test_status_tells_what_it_knows_without_dvc(couturier, stored, monkeypatch, tmp_path):
    monkeypatch.setenv("COUTURIER_DVC", str(tmp_path / "none"))
    shown = couturier("status")
    assert shown.exit_code == 0
    assert "unknown" in shown.output
    assert "Champion: none yet" in shown.output
    assert "COUTURIER_DVC" in shown.stderr


def test_trends_measures_the_newest_weeks(couturier, holdout_workspace):
    shown = couturier("trends")
    assert shown.exit_code == 0
    assert "new_sku_share" in shown.output
    write_json({"validation_start": None}, holdout_workspace.splits / "windows.json")
    assert "Nothing to compare" in couturier("trends").output


def test_synthesize_writes_a_snapshot_of_the_asked_size(couturier, tmp_path):
    out = tmp_path / "snapshot"
    ended = couturier("synthesize", "--out", str(out), "--customers", "20", "--skus", "30", "--months", "3")
    assert ended.exit_code == 0, ended.output
    assert len(pd.read_csv(out / "customers.csv")) == 20
    assert couturier("synthesize", "--out", str(out), "--until", "June").exit_code == 1


def test_doctor_names_every_cure_at_once(couturier, workspace, monkeypatch, tmp_path):
    monkeypatch.setenv("COUTURIER_DVC", str(tmp_path / "none"))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    changes = {
        "base_model.source": str(tmp_path / "absent"),
        "source.kind": "hm",
        "source.path": "absent",
        "tracking.mode": "online",
        "training.precision": "fp32",
        "run.threads": 1,
    }
    change_params(workspace.params_file, changes)
    ended = couturier("doctor")
    assert ended.exit_code == 1
    ailing = [line.split()[1] for line in ended.output.splitlines() if line.startswith("mend")]
    assert ailing == ["source", "DVC", "W&B", "base"]
    assert "couturier run --path DIR" in ended.output
    assert "Set WANDB_API_KEY" in ended.output


def test_doctor_knows_the_packaged_models(couturier, workspace):
    change_params(workspace.params_file, {"base_model.source": "pypi:gpt5"})
    ended = couturier("doctor")
    assert ended.exit_code == 1
    assert "pypi:smollm2-135m-instruct" in ended.output


def test_doctor_looks_for_the_sentence_encoder(couturier, workspace):
    change_params(workspace.params_file, {"vocabulary.sentence_encoder": "pypi:another"})
    ended = couturier("doctor")
    assert ended.exit_code == 1
    assert "pypi:all-minilm-l6-v2, or null" in ended.output
    change_params(workspace.params_file, {"vocabulary.sentence_encoder": None})
    assert "titles are read as subwords alone" in couturier("doctor").output


def test_doctor_tells_a_base_model_from_the_one_converted_before(couturier, workspace, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    workspace.base_model.mkdir(parents=True)
    write_json({"source": "hf:one/model"}, workspace.base_model / "manifest.json")
    (workspace.base_model / "config.json").write_text("{}")
    change_params(workspace.params_file, {"base_model.source": "hf:one/model"})
    assert "hf:one/model, converted" in couturier("doctor").output
    change_params(workspace.params_file, {"base_model.source": "hf:another/model"})
    assert "hf:another/model, to be fetched" in couturier("doctor").output
    (tmp_path / "model.gguf").touch()
    change_params(workspace.params_file, {"base_model.source": str(tmp_path / "model.gguf")})
    assert f"ok    base model    {tmp_path / 'model.gguf'}" in couturier("doctor").output


def test_doctor_without_a_workspace_says_so(couturier, monkeypatch, tmp_path):
    monkeypatch.setenv("COUTURIER_HOME", str(tmp_path / "gone"))
    ended = couturier("doctor")
    assert ended.exit_code == 1
    assert "COUTURIER_HOME" in ended.stderr
    assert "Cure:" in ended.stderr


def test_doctor_shows_a_broken_parameter_file(couturier, workspace):
    workspace.params_file.write_text("training: {epoch: 3}")
    ended = couturier("doctor")
    assert ended.exit_code == 1
    assert "training.epoch" in ended.output


@pytest.mark.parametrize("wrong", [("--path", "/no/such/folder"), ("--from", "promotions")])
def test_run_writes_nothing_when_an_option_is_wrong(couturier, workspace, wrong):
    before = workspace.params_file.read_bytes()
    ended = couturier("run", "--source", "hm", *wrong)
    assert ended.exit_code == 1
    assert "Cure:" in ended.stderr
    assert workspace.params_file.read_bytes() == before


def test_a_folder_of_other_files_is_not_replaced(couturier, tmp_path):
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "notes.txt").write_text("mine")
    (foreign / "transactions.csv").write_text("a retailer's own")
    for command in ("export", "synthesize"):
        ended = couturier(command, "--out", str(foreign))
        assert ended.exit_code == 1
        assert "other files" in ended.stderr
    assert (foreign / "notes.txt").read_text() == "mine"
    assert couturier("synthesize", "--out", str(tmp_path / "snapshot"), "--customers", "20").exit_code == 0
    assert couturier("synthesize", "--out", str(tmp_path / "snapshot"), "--customers", "20").exit_code == 0


def test_the_report_by_itself_tells_wandb(couturier, workspace, monkeypatch):
    """As under `dvc repro`, which starts one stage after the other."""
    told = []
    monkeypatch.delenv("COUTURIER_RUN_ID", raising=False)
    monkeypatch.setattr(pipeline, "run_stage", lambda _workspace, name: StageReport(summary=f"did {name}."))
    monkeypatch.setattr(tracking, "track_reports", lambda *_: told.append("told"))
    assert couturier("stage", "evaluation").exit_code == 0
    assert told == []
    assert couturier("stage", "report").exit_code == 0
    assert told == ["told"]
    monkeypatch.setenv("COUTURIER_RUN_ID", "a run")
    assert couturier("stage", "report").exit_code == 0
    assert told == ["told"]


def test_run_writes_its_options_runs_every_stage_and_says_what_to_try_next(couturier, prompts, monkeypatch):
    ran = []

    def run_stage(_workspace, name):
        ran.append(name)
        return StageReport(summary=f"did {name}.")

    monkeypatch.setattr(runner, "run_stage", run_stage)
    ended = couturier("run", "--no-dvc", "--set", "tracking.mode=disabled", "--from", "promotion")
    assert ended.exit_code == 0, ended.output
    assert ran == ["promotion", "recommendations", "report"]
    assert "params.yaml: tracking.mode = disabled (was auto)" in ended.output
    assert "[ 1/3] promotion:" in ended.output
    assert "did report." in ended.output
    assert "couturier recommend C00000" in ended.output
    assert "nothing is versioned" in ended.stderr
