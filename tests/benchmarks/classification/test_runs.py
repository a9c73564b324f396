"""Resumption, names and result file of the classifier benchmark."""

import json
import runpy

import heads
import pytest
import torch
from classification.recipes import key
from classification.runs import Cell, final, with_reading
from classification.table import merge, render, row
from harness.results import PROJECT


def test_what_was_run_and_chosen_on_an_old_split_is_not_taken():
    # Names as they were when fashion was split by rows, and AG News held texts of dev; others are the same.
    assert Cell("tfidf_lr", "fashion", None, 16).name({"C": 30}, 1) != "fashion-tfidf_lr-none-16-1-fb68764e"
    assert Cell("tfidf_lr", "sst2", None, 16).name({"C": 30}, 1) == "sst2-tfidf_lr-none-16-1-fb68764e"
    assert key("tfidf_lr", "fashion", None, 16) != "fashion/tfidf_lr/-/16"
    assert key("tfidf_lr", "ag_news", None, 16) != "ag_news/tfidf_lr/-/16"
    assert key("tfidf_lr", "sst2", None, 16) == "sst2/tfidf_lr/-/16"
    assert key("tfidf_lr", "sst2", None, None) != "sst2/tfidf_lr/-/all"  # sentences alone


def test_a_frozen_methods_seconds_hold_the_reading_of_its_texts():
    run = {"seconds": 2.0, "rows": {"train": 80}, "texts_per_second": 10.0, "train_samples_per_second": 40.0}
    whole = run | {"seconds": 10.0, "train_samples_per_second": 8.0, "reading_seconds": 8.0}
    assert with_reading(run) == whole


def test_the_docs_give_minutes_only_where_reading_was_counted(task, tmp_path):
    cell = {"dataset": "fruit", "shots": 4}
    run = final(Cell("tfidf_lr", "fruit", None, 4), task, {"C": 30}, 1, tmp_path, "default")
    run |= {"command": "python benchmarks/heads.py", "seconds": 90.0}
    read = with_reading(run | {"seconds": 30.0, "texts_per_second": run["rows"]["train"] / 60})
    rows = [
        row(cell | {"model": "tfidf_lr"}, [run], False),
        row(cell | {"model": "trimmed_linear/smollm2"}, [run], False),
        row(cell | {"model": "trimmed_linear/gemma3"}, [read, read], False),
    ]
    told = runpy.run_path(str(PROJECT / "docs" / "tables.py"))["heads"]({"rows": rows})
    assert [line.split(" | ")[5] for line in told.splitlines()[2:5]] == ["1.50", "–", "1.50"]
    assert told.endswith("```sh\npython benchmarks/heads.py\n```")


def test_a_recipe_that_reads_a_share_of_all_says_so(task, tmp_path):
    cell = Cell("tfidf_lr", "fruit", None, None)
    run = final(cell, task, {"C": 30, "share": 0.5}, 1, tmp_path, "default") | {"command": "c"}
    assert run["rows"]["train"] == round(len(task.rows("train")) / 2)
    told = {"model": "tfidf_lr", "dataset": "fruit", "shots": "all"}
    drawn = runpy.run_path(str(PROJECT / "docs" / "tables.py"))
    lines = drawn["heads"]({"rows": [row(told, [run], False)]}).splitlines()
    assert lines[2].split(" | ")[1] == "50% of all"


def test_the_docs_say_what_each_row_was_measured_on(task, tmp_path):
    run = final(Cell("tfidf_lr", "fruit", None, 4), task, {"C": 30}, 1, tmp_path, "default")
    run |= {"command": "c", "machine": "Linux x86_64, 2 cores, bf16", "threads": 2}
    told = {"model": "tfidf_lr", "dataset": "fruit", "shots": 4}
    other = run | {"machine": "Linux x86_64, 2 cores, float32", "threads": 1}
    file = tmp_path / "heads.json"
    rows = [row(told, [run], False), row(told | {"model": "zero_shot/smollm2", "shots": 16}, [other], False)]
    merge(file, "rows", rows, "c", [1])
    drawn = runpy.run_path(str(PROJECT / "docs" / "tables.py"))
    result = json.loads(file.read_text())
    lines = drawn["heads"](result).splitlines()
    assert [line.split(" | ")[6] for line in lines[2:4]] == ["2, bf16", "1, float32"]
    assert [line.split(" | ")[1] for line in lines[2:4]] == ["4", "0"]  # no label is looked at
    assert drawn["machines"](result, "rows") == f"{run['machine']}; {other['machine']}"
    assert drawn["machines"](result, "speed") == result["machine"]


def test_a_run_tells_what_the_table_needs(task, tmp_path):
    cell = Cell("tfidf_lr", "fruit", None, 4)
    runs = [
        final(cell, task, {"C": 30}, seed, tmp_path, "default") | {"command": f"c{seed}"} for seed in (1, 2)
    ]
    assert runs[0]["rows"] == {"train": 8, "test": 19}
    assert runs[0]["latency_ms"] > 0
    file = tmp_path / "heads.json"
    told = {"model": cell.model, "dataset": "fruit"}
    for shots in ("all", 4, 16, 4):
        result = merge(file, "rows", [row(told | {"shots": shots}, runs, False)], "c", [1, 2])
    assert result == json.loads(file.read_text())
    assert [one["shots"] for one in result["rows"]] == [4, 16, "all"]
    assert result["rows"][0]["metrics"]["accuracy"] == {"mean": 1.0, "sd": 0.0}
    assert result["rows"][0]["command"] == "c1; c2"
    assert result["rows"][0]["threads"] == str(torch.get_num_threads())
    assert {"command", "commit", "machine", "seeds"} <= result.keys()
    assert {"seconds", "peak_mb", "parameters", "train_samples_per_second"} <= result["rows"][0].keys()
    merge(file, "speed", [{"model": "trimmed", "dataset": "made-up"}], "c", [1])
    assert len(json.loads(file.read_text())["rows"]) == 3
    assert render(result["rows"]).splitlines()[-1].startswith("| fruit | all | tfidf_lr | 100.0 |")


def test_other_recipes_and_smoke_runs_have_files_of_their_own():
    cell = Cell("tfidf_lr", "sst2", None, 4)
    names = {
        cell.name({"C": 1}, 1),
        cell.name({"C": 2}, 1),
        cell.name({"C": 1}, 2),
        Cell("tfidf_lr", "sst2", None, 4, test_rows=32).name({"C": 1}, 1),
        Cell("tfidf_lr", "sst2", None, None).name({"C": 1}, 1),
    }
    assert len(names) == 5
    smoke, whole = (heads.options(["--test-rows", "32"]), heads.options([]))
    assert heads.result_file(smoke) != heads.result_file(whole)
    assert heads.chosen_file(smoke) != heads.chosen_file(whole)


def test_a_recipe_by_hand_needs_a_name_of_its_own(capsys):
    by_hand = ["--method", "tfidf_lr", "--config", '{"C": 1}']
    assert heads.options([*by_hand, "--test-rows", "32"]).name is None  # its figures mean nothing
    assert heads.options([*by_hand, "--name", "mild"]).name == "mild"
    for wrong in (
        by_hand,
        [*by_hand, "--name", "tfidf_lr"],
        [*by_hand, "--name", "tfidf_lr/minilm"],
        ["--name", "mild"],
        ["--name", "mild", *by_hand, "--method", "tfidf_lr", "majority"],
    ):
        with pytest.raises(SystemExit):
            heads.options(wrong)
    assert "--name" in capsys.readouterr().err


def test_a_recipe_by_hand_has_a_row_of_its_own_and_only_one(tmp_path, monkeypatch):
    monkeypatch.setattr(heads, "PROJECT", tmp_path)

    def here(asked, job):
        path = tmp_path / "data" / "benchmarks" / "heads" / "runs" / job["path"].rpartition("/")[2]
        path.parent.mkdir(parents=True, exist_ok=True)
        figures = {"metrics": {"accuracy": 0.5, "macro_f1": 0.5}, "peak_mb": 1, "parameters": 1, "notes": {}}
        rates = {"seconds": 1, "train_samples_per_second": 1, "latency_ms": 1, "texts_per_second": 1}
        told = {name: job[name] for name in ("seed", "config", "recipe", "command")}
        told |= {"commit": "c", "machine": "m", "threads": 1, "rows": {"train": 1}}
        path.write_text(json.dumps({**figures, **rates, **told}))

    monkeypatch.setattr(heads, "in_own_process", here)
    asked = ["--method", "tfidf_lr", "--seeds", "1", "2"]

    def scored(*more):
        monkeypatch.setattr("sys.argv", ["heads.py", *asked, *more])
        heads.main()
        rows = json.loads((tmp_path / "benchmarks" / "results" / "heads.json").read_text())["rows"]
        return {row["model"]: (row["config"]["C"], row["recipe"]) for row in rows}

    assert scored() == {"tfidf_lr": (30, "default")}
    mild = ["--config", '{"C": 1}', "--name", "mild"]
    # Even the method's own recipe is run anew under another name, never taken from its files.
    same = ["--config", '{"C": 30}', "--name", "same"]
    expected = {"tfidf_lr": (30, "default"), "mild": (1, "command line"), "same": (30, "command line")}
    scored(*mild)
    assert scored(*same) == expected
    assert scored(*mild) == expected  # the same once more changes nothing
    with pytest.raises(SystemExit, match="another recipe"):
        scored("--config", '{"C": 2}', "--name", "mild")
    with pytest.raises(SystemExit, match="another recipe"):
        scored(*mild, "--method", "sentence_encoder_lr")


def test_finished_runs_are_taken_and_fresh_ones_run_again(tmp_path, monkeypatch):
    monkeypatch.setattr(heads, "PROJECT", tmp_path)
    started = []

    def here(asked, job):
        started.append(job["seed"])
        path = tmp_path / "data" / "benchmarks" / "heads" / "runs" / job["path"].rpartition("/")[2]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"seed": job["seed"], "command": job["command"]}))

    monkeypatch.setattr(heads, "in_own_process", here)
    cell = Cell("tfidf_lr", "sst2", None, 4)
    for command, extra, expected, by in (
        ("first", [], [1, 2], "first"),
        ("second", [], [1, 2], "first"),  # a finished run keeps the command that ran it
        ("third", ["--fresh"], [1, 2, 1, 2], "third"),
    ):
        asked = heads.options(["--method", "tfidf_lr", "--seeds", "1", "2", *extra])
        runs = heads.figures_of(asked, cell, command)
        assert [run["seed"] for run in runs] == [1, 2]
        assert {run["command"] for run in runs} == {by}
        assert started == expected
