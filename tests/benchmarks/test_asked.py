"""The command line of the ranking benchmark, and which parameters a run of the product gets."""

import pytest
from harness.asked import changes, options, run_name, settings
from harness.parameters import parameters, recipe
from harness.runs import Runs, kept_runs


def test_an_ablation_is_a_row_of_its_own():
    words = ["--name", "no_gates", "--set", "training.gate=null", "--set", "prompts.history=5"]
    asked = options("", words)
    assert asked.models == ["no_gates"]
    changed = changes("no_gates", 3, asked)
    params = parameters(changed)
    assert params.training.gate is None
    assert params.prompts.history == 5
    assert params.run.seed == 3
    assert params.tracking.mode == "disabled"
    with_default = settings("couturier", 3, options("", ["--models", "couturier"]))
    assert settings("no_gates", 3, asked)["params"] != with_default["params"]


@pytest.mark.parametrize(
    "words",
    [
        ["--set", "training.gate=null"],
        ["--profile", "profiles/scratch.yaml"],
        ["--name", "ease"],
        ["--name", "mine", "--models", "popular"],
        ["--dataset", "hm", "--models", "bsarec"],
    ],
)
def test_what_would_take_the_place_of_another_row_is_refused(words, capsys):
    with pytest.raises(SystemExit):
        options("", words)
    assert "error:" in capsys.readouterr().err


def test_scratch_is_its_profile():
    params = parameters(recipe("couturier_scratch"))
    assert params.base_model.initialisation == "random"
    assert params.training.method == "full"
    assert parameters(recipe("couturier")).training == parameters({}).training


def test_settings_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="key=value"):
        recipe("mine", None, ["training.gate"])
    with pytest.raises(ValueError, match="gait"):
        parameters(recipe("mine", None, ["training.gait=1"]))


def test_other_models_have_no_parameters_of_the_product():
    asked = options("", ["--models", "popular", "--epochs", "3"])
    assert changes("popular", 1, asked) is None
    assert "params" not in settings("popular", 1, asked)
    assert run_name("popular", 1, asked) == "popular-1-epochs=3"


def test_the_baselines_of_hm_keep_their_own_epochs():
    asked = options("", ["--dataset", "hm", "--epochs", "3", "--baselines", "repeat", "--cutoffs", "b", "a"])
    assert asked.cutoffs == ["a", "b"]
    assert parameters(changes("baselines", 1, asked)).baselines.models == ("repeat",)
    assert parameters(changes("couturier", 1, asked)).training.epochs == 3
    assert (
        settings("couturier", 1, asked)["params"]["ranking"]["depth"] == 100
    )  # what all of hm shares counts
    assert "training.epochs" not in changes("baselines", 1, asked)
    assert run_name("baselines", 1, asked) == "baselines-1-epochs=3-baselines=repeat"
    assert run_name("couturier", 1, asked) == "couturier-1-epochs=3"


def test_fresh_takes_away_a_run_and_no_other(tmp_path):
    """A run that measures nothing stands for the benchmark: it writes what it was told."""
    script = tmp_path / "script.py"
    script.write_text(
        "import json, pathlib, sys\n"
        f"path = pathlib.Path({str(tmp_path)!r}) / 'mine-1.json'\n"
        "runs = json.loads(path.read_text())['runs'] + 1 if path.exists() else 1\n"
        "path.write_text(json.dumps({'settings': {'a': 1}, 'runs': runs, 'told': sys.argv[1:]}))\n"
    )
    others = ("workspace-mine-1-epochs=3", "workspace-mine-10")
    for folder in ("workspace-mine-1", "workspace-mine-1-2020-06-24", *others):
        (tmp_path / folder).mkdir()
    once = Runs(tmp_path, str(script), ["--x"], 1, fresh=False)
    first = once.figures("mine", 1, "mine-1", {"a": 1})
    assert first["told"] == ["--x", "--one", "mine", "--seeds", "1"]
    assert once.figures("mine", 1, "mine-1", {"a": 1}) == first
    assert once.figures("mine", 1, "mine-1", {"a": 2})["runs"] == 2
    assert Runs(tmp_path, str(script), [], 1, fresh=True).figures("mine", 1, "mine-1", {"a": 1})["runs"] == 3
    assert sorted(path.name for path in tmp_path.glob("workspace-*")) == sorted(others)


def test_another_machine_takes_the_figures_that_the_repository_keeps(tmp_path):
    here, there, kept = tmp_path / "here", tmp_path / "there", tmp_path / "kept"
    script = tmp_path / "script.py"
    script.write_text(
        "import json, pathlib\n"
        f"path = pathlib.Path({str(here / 'mine-1.json')!r})\n"
        "path.write_text(json.dumps({'settings': 1, 'ndcg': 0.5}))\n"
        "path.with_suffix('.parquet').write_text('judged customers')\n"
        "path.with_suffix('.safetensors').write_text('weights')\n"
    )
    done = Runs(here, str(script), [], 1, False, kept, ".parquet").figures("mine", 1, "mine-1", 1)
    assert sorted(path.name for path in kept.iterdir()) == ["mine-1.json", "mine-1.parquet"]
    elsewhere = Runs(there, "no script is started", [], 1, False, kept, ".parquet")
    assert elsewhere.figures("mine", 1, "mine-1", 1) == done
    assert (there / "mine-1.parquet").read_text() == "judged customers"
    assert kept_runs(tmp_path, "ranking-beauty", customers=500) is None
