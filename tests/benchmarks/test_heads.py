"""Splits, recipes, cached states, resumption and result file of the classifier benchmark."""

import json
import runpy
from dataclasses import replace

import heads
import numpy as np
import pytest
import torch
from architectures import build
from classification import bases
from classification.assignment import Assignment
from classification.frozen import pooled_states
from classification.judge import scores, speed
from classification.methods import METHODS, bases_of, deterministic, run
from classification.phrases import with_phrases
from classification.recipes import alike, candidates, choose, chosen, key, pairs, screens
from classification.row_cache import RowCache
from classification.runs import Cell, final, tried, with_reading
from classification.screening import calibrated_accuracy, screen
from classification.selection import Rules, select
from classification.setfit import pairs as contrastive_pairs
from classification.speed import VocabularyModel, made_up_texts, make_variant, measure
from classification.table import merge, render, row
from classification.tasks import draw_by_text, make_task, read_task
from classification.variants import VARIANTS
from harness.results import PROJECT

from rec_assets.backbone.layers import keep_layers
from rec_assets.heads.head_trainer import labelled_row
from rec_assets.heads.states import encode
from rec_assets.recommender.batches import collate


@pytest.fixture
def task():
    """Two kinds of fruit, told by the second word; one train text comes twice."""
    texts = [f"fruit {'sweet' if i % 2 else 'sour'} no {i}" for i in range(100)]
    texts[99] = texts[1]
    targets = np.arange(100) % 2
    return make_task(
        "fruit",
        ("sour", "sweet"),
        (texts[:80] + texts[99:], targets[[*range(80), 99]]),
        (texts[80:99], targets[80:99]),
    )


def assignment(task, tmp_path, **config):
    return Assignment(task, task.shots(4, 1), task.rows("test"), None, None, config, 1, tmp_path)


def test_parts_do_not_overlap_and_add_up(task):
    parts = {part: set(task.rows(part)) for part in ("pool", "selection", "test", "train")}
    assert parts["pool"] | parts["selection"] == parts["train"]
    assert not parts["pool"] & parts["selection"]
    assert not parts["train"] & parts["test"]
    assert len(parts["train"] | parts["test"]) == len(task.texts)
    said = {part: set(task.said(list(rows))) for part, rows in parts.items()}
    assert not said["pool"] & said["selection"]  # the copy goes where the other one goes


def test_shots_are_so_many_of_every_label_and_of_the_seed(task):
    rows = task.shots(5, 1)
    assert np.bincount(task.targets[rows]).tolist() == [5, 5]
    assert set(rows) <= set(task.rows("pool"))
    assert np.array_equal(rows, task.shots(5, 1))
    assert not np.array_equal(rows, task.shots(5, 2))
    assert np.array_equal(task.shots(None, 1, "train"), task.rows("train"))


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "train", "test", "labels"),
    [("sst2", 6920, 872, 2), ("ag_news", 16449, 2000, 4), ("fashion", None, 5000, 76)],
)
def test_the_research_data_is_read_whole(name, train, test, labels, shared_data):
    task = read_task(name)
    assert len(task.rows("test")) == test
    assert train is None or len(task.rows("train")) == train
    assert len(task.labels) == labels
    assert set(task.targets[task.rows("train")]) == set(task.targets[task.rows("test")]) == set(range(labels))
    few = read_task(name, 32)
    assert len(few.rows("test")) == len(few.rows("selection")) == 32
    assert few.said(few.shots(4, 1)) == task.said(task.shots(4, 1))


def test_copies_of_a_text_are_drawn_together():
    texts = np.array([f"coat {i // 3}" for i in range(60)] + [f"belt {i}" for i in range(40)], object)
    for size in (20, 50):
        drawn = draw_by_text(texts, size)
        assert drawn.sum() == size
        assert not set(texts[drawn]) & set(texts[~drawn])
        assert np.array_equal(drawn, draw_by_text(texts, size))
    assert draw_by_text(np.array(["a"] * 9 + ["b"], object), 3).sum() == 1  # there is no room for nine


@pytest.mark.shared
@pytest.mark.parametrize("name", ["sst2", "ag_news", "fashion"])
def test_no_test_text_is_trained_on(name, shared_data):
    task = read_task(name, whole=True)
    said = {part: set(task.said(task.rows(part))) for part in ("train", "test")}
    assert not said["train"] & said["test"]


def test_phrases_of_judged_sentences_are_left_out_or_withheld():
    sentences = ["a fine film", "a dull -lrb- long -rrb- film", "good", "no plot", "bad", "so so"]
    judged = ["an utterly charming caf\u00e9 comedy"]
    task = make_task(
        "films", ("bad", "good"), (sentences, np.array([1, 0, 1, 0, 0, 1])), (judged, np.array([1]))
    )
    (chosen_on,) = task.said(task.rows("selection"))
    part = {  # of each sentence that may have been drawn for the selection
        "a fine film": "fine film",
        "a dull -lrb- long -rrb- film": "( long ) film",
        "no plot": "plot",
        "so so": "so",
    }
    phrases = ["charming cafe", "comedy", "char", "a dull ( long ) film", "good", "char", *part.values()]
    targets = np.array([1, 1, 1, 0, 1, 0, 1, 0, 0, 1])
    more = with_phrases(task, phrases, targets)
    added = more.said(np.arange(len(task.texts), len(more.texts)))
    assert added == ["char", *part.values()]
    assert more.targets[len(task.texts) :].tolist() == [1, 1, 0, 0, 1]
    assert set(task.said(task.rows("train"))) | set(added) == set(more.said(more.rows("train")))
    assert more.said(more.rows("selection")) == [chosen_on]
    assert set(added) - set(more.said(more.rows("pool"))) == {part[chosen_on]}
    assert more.said(more.rows("test")) == judged


@pytest.mark.shared
def test_all_of_sst2_is_phrases_too_and_shots_are_sentences(shared_data):
    few, whole = read_task("sst2"), read_task("sst2", whole=True)
    count = len(few.texts)
    assert whole.texts[:count] == few.texts
    assert np.array_equal(whole.rows("selection"), few.rows("selection"))
    assert np.array_equal(whole.rows("test"), few.rows("test"))
    assert len(whole.rows("train")) > 60_000
    judged = {part: [f" {text} " for text in few.said(few.rows(part))] for part in ("test", "selection")}
    added = np.arange(count, len(whole.texts))
    learnt = set(whole.rows("pool"))
    for place in added[::97]:  # each against every sentence takes long
        assert not any(f" {whole.texts[place]} " in sentence for sentence in judged["test"])
        if place in learnt:
            assert not any(f" {whole.texts[place]} " in sentence for sentence in judged["selection"])


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
    given = assignment(task, tmp_path, C=30)
    cell = {"dataset": "fruit", "shots": 4}
    run = final(Cell("tfidf_lr", "fruit", None, 4), task, given.config, 1, tmp_path, "default")
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


def test_shots_matter_to_zero_shot_where_its_calibration_reads_them():
    told = {name: deterministic("zero_shot", {"calibration": name}) for name in (None, "contextual")}
    assert all(told.values())
    assert not any(deterministic("zero_shot", {"calibration": name}) for name in ("domain", "batch"))
    assert deterministic("majority", {})
    assert not deterministic("tfidf_lr", {})


def test_words_are_learnt_and_the_majority_counted(task, tmp_path):
    right = task.targets[task.rows("test")]
    learnt = run("tfidf_lr", assignment(task, tmp_path, C=30))
    assert scores(right, learnt.predictions) == {"accuracy": 1.0, "macro_f1": 1.0}
    assert learnt.classify(["fruit sour no 200"]).tolist() == [0]
    assert run("majority", assignment(task, tmp_path)).predictions.tolist() == [0] * 19


def test_every_method_has_a_recipe_for_every_data_set():
    for method in METHODS:
        for dataset in ("sst2", "ag_news", "fashion"):
            for shots in (16, None):
                found = candidates(method, dataset, shots)
                assert found
                assert len({json.dumps(one, sort_keys=True) for one in found}) == len(found)
                assert all("{text}" in one.get("prompt", "{text}") for one in found)


def test_settings_of_recipes_are_ones_the_fine_tune_knows():
    from rec_assets.heads.fine_tune import FineTuneSettings

    for method in ("trimmed_finetune", "sequence_classification"):
        for shots in (16, 256, None):
            for one in candidates(method, "sst2", shots):
                FineTuneSettings(**one["settings"])
    few, many, whole = (
        {json.dumps(one["settings"]) for one in candidates("trimmed_finetune", "sst2", shots)}
        for shots in (16, 256, None)
    )
    assert not few & many
    assert not many & whole
    same = [one["settings"] for one in candidates("sequence_classification", "sst2", None)]
    assert {json.dumps(one) for one in same} == whole


def test_depths_are_shares_of_any_base():
    depths = [one["depths"] for one in candidates("trimmed_linear", "sst2", 16) if "depths" in one]
    assert len(depths) > 1
    assert all(0 < share <= 1 for shares in depths for share in shares)


def test_candidates_like_a_chosen_one_say_the_same_to_the_model():
    found = candidates("trimmed_finetune", "sst2", None)
    before = candidates("trimmed_finetune", "sst2", 16)[-1]
    close = alike(found, before)
    assert 0 < len(close) < len(found)
    assert all((one["prompt"], one["words"]) == (before["prompt"], before["words"]) for one in close)


def test_only_screened_prompts_and_words_meet_the_settings():
    every = pairs("sst2")
    assert len(every) == len({json.dumps(one) for one in every}) > 2
    kept = [every[-1], every[0]]
    few = candidates("trimmed_finetune", "sst2", 16, kept)
    assert len(few) * len(every) == 2 * len(candidates("trimmed_finetune", "sst2", 16))
    assert [{name: one[name] for name in ("prompt", "words")} for one in few[:2]] == kept
    linear = candidates("trimmed_linear", "sst2", 16, kept)
    from_words = [one["prompt"] for one in linear if one["head"] == "label_words"]
    assert set(from_words) == {one["prompt"] for one in kept}
    assert len({one["prompt"] for one in linear if one["head"] == "logistic"}) > 2  # has no label words
    assert screens("trimmed_finetune")
    assert not screens("sequence_classification")


def test_a_method_that_reads_a_language_model_refuses_an_encoder():
    assert bases_of("trimmed_linear", "gemma3") == "gemma3"
    assert bases_of("setfit", "smollm2") == "minilm"
    assert bases_of("tfidf_lr", "smollm2") is None
    with pytest.raises(ValueError, match="reads a language model"):
        bases_of("trimmed_linear", "minilm")


def test_the_best_on_the_selection_is_chosen_and_a_tried_one_is_not_tried_again(task, tmp_path):
    cell = Cell("tfidf_lr", "sst2", None, 4)
    name = key("tfidf_lr", "sst2", None, 4)
    file = tmp_path / "chosen.json"
    assert chosen("tfidf_lr", "sst2", None, 4, file) == ({"C": 30}, "default")
    found = [tried(cell, task, {"C": c}, [1, 2], tmp_path, None) for c in (1e-9, 10)]
    assert found[1]["accuracy"] == 1.0
    kept = sorted((tmp_path / "selection").glob("*.json"))
    assert len(kept) == 4
    for path in kept:
        path.write_text(json.dumps({"accuracy": 0.25}))
    assert tried(cell, task, {"C": 10}, [1, 2], tmp_path, None)["accuracy"] == 0.25
    choose(name, [{"config": {"C": 1}, "accuracy": 0.5}, {"config": {"C": 10}, "accuracy": 0.7}], file)
    assert chosen("tfidf_lr", "sst2", None, 4, file) == ({"C": 10}, "chosen")


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
        path.write_text(json.dumps({**figures, **rates, **told, "commit": "c", "rows": {"train": 1}}))

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


def test_cached_rows_are_computed_once_and_survive(tmp_path):
    computed = []

    def compute(rows):
        for place in np.array_split(rows, 2):
            computed.extend(place.tolist())
            yield place, np.stack([np.outer(place + 1, [1.0, 1e6]), np.outer(place, [2.0, 0.5])])

    cache = RowCache(tmp_path / "states" / "fruit", 2, 10, 2)
    cache.fill(np.array([1, 4]), compute)
    again = RowCache(tmp_path / "states" / "fruit", 2, 10, 2)
    again.fill(np.array([4, 7, 1]), compute)
    assert computed == [1, 4, 7]
    assert again.read(1, np.array([7, 1])).tolist() == [[14.0, 3.5], [2.0, 0.5]]
    assert again.read(0, np.array([4]))[0, 1] == 65_504  # float16 has no more
    with pytest.raises(ValueError, match="fill"):
        again.read(0, np.array([2]))
    assert not RowCache(tmp_path / "states" / "fruit", 2, 11, 2).known.any()


@pytest.mark.parametrize("name", ["llama", "gpt2", "gemma3"])
def test_pooled_states_are_those_of_each_row_alone(name):
    model = build(name)
    rows = [[1, 5, 9, 11], [1, 7], [1], [1, 8, 4]]
    scattered = {
        int(place): states[:, :, i]
        for places, states in pooled_states(model, rows, "read")
        for i, place in enumerate(places)
    }
    for place, ids in enumerate(rows):
        with torch.no_grad():
            out = model.get_decoder()(torch.tensor([ids]), output_hidden_states=True)
        every = [hidden[0] for hidden in out.hidden_states]
        for layer, hidden in enumerate(every):
            if layer < 3:
                hidden = hidden / hidden.pow(2).mean(dim=-1, keepdim=True).sqrt()
            inner = hidden[1:] if len(ids) > 1 else hidden
            torch.testing.assert_close(scattered[place][layer, 0], hidden[-1], rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(scattered[place][layer, 1], inner.mean(dim=0), rtol=1e-4, atol=1e-5)


def test_a_truncated_model_gives_the_states_of_the_whole_one():
    model, cut = build("llama"), build("llama")
    keep_layers(cut, 2)
    rows = [[1, 5, 9, 11], [1, 7, 3, 2]]
    (_, whole), (_, part) = (
        next(pooled_states(model, rows, "read", [1, 2])),
        next(pooled_states(cut, rows, "read", [1, 2], truncated=True)),
    )
    torch.testing.assert_close(part, whole)


def test_contrastive_pairs_are_of_both_kinds_and_never_of_a_text_with_itself():
    targets = np.array([0, 0, 0, 1, 1, 2])
    left, right, same = contrastive_pairs(targets, rounds=4, most=1000, seed=3)
    assert (left != right).all()
    assert same.dtype == np.float32
    assert np.array_equal(same == 1, targets[left] == targets[right])
    assert same.sum() == 4 * 5  # the lonely label has no pair
    assert len(same) == 4 * (5 + 6)
    assert len(contrastive_pairs(targets, rounds=4, most=7, seed=3)[0]) == 7


def test_the_untrimmed_model_answers_the_same_at_every_position_or_the_last():
    model, words = build("llama"), torch.tensor([5, 9])
    batch = collate([labelled_row([1, 4, 6, 8], 0), labelled_row([1, 3], 1)])
    every, last = (VocabularyModel(model, words, last)(**batch) for last in (False, True))
    torch.testing.assert_close(every.logits, last.logits)
    torch.testing.assert_close(every.loss, last.loss)
    expected = model(torch.tensor([[1, 3]])).logits[0, -1, words]
    torch.testing.assert_close(every.logits[1], expected)


def test_speed_asks_for_one_text_and_for_many():
    asked = []
    told = speed(lambda texts: asked.append(len(texts)), made_up_texts(50))
    assert asked == [2, *[1] * 20, 50]
    assert told["texts_per_second"] > 0
    assert made_up_texts(3) == made_up_texts(50)[:3]


def test_sequence_classification_reads_the_last_token_not_the_padding():
    from classification.sequence import SequenceModel
    from transformers import LlamaForSequenceClassification

    model = build("llama")
    model.config.num_labels, model.config.pad_token_id = 2, 0
    whole = LlamaForSequenceClassification(model.config).eval()
    rows = [labelled_row([1, 4, 6, 8, 5], 0), labelled_row([1, 3], 1)]
    together = SequenceModel(whole)(**collate(rows)).logits
    for i, alone in enumerate(rows):
        torch.testing.assert_close(SequenceModel(whole)(**collate([alone])).logits[0], together[i])


GARMENTS = ("belts", "coats", "trousers")
LORA = {"method": "lora", "epochs": 8, "batch_tokens": 64, "learning_rate": 1e-2, "head_learning_rate": 1e-2}


@pytest.fixture
def garments(tiny_base, monkeypatch):
    """Garments named by their texts, and a tiny base in the place of the pretrained one."""
    monkeypatch.setitem(bases.LANGUAGE, "smollm2", str(tiny_base))
    texts = [f"soft {('black', 'red', 'white')[i % 3]} {GARMENTS[i // 3 % 3]} no {i % 30}" for i in range(90)]
    targets = np.arange(90) // 3 % 3
    return make_task("garments", GARMENTS, (texts[:60], targets[:60]), (texts[60:], targets[60:]))


def test_a_preference_for_one_label_does_not_hide_what_answers_tell():
    scores = np.log([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4]])
    assert calibrated_accuracy(scores, np.array([0, 0, 1, 1])) == 1.0
    assert calibrated_accuracy(scores, np.array([0, 1, 1, 1])) == 0.75


def test_prompts_and_words_are_ranked_by_their_untrained_answers(garments, tmp_path, monkeypatch):
    asked = [
        {"prompt": prompt, "words": words}
        for prompt in ("{text} in", "{text} :")
        for words in (["red", "white", "black"], None, [["coats", "men"], "belts", "in"])
    ]
    ranking = screen(garments, "smollm2", None, asked, 9, tmp_path)
    accuracies = [one["accuracy"] for one in ranking]
    assert accuracies == sorted(accuracies, reverse=True)
    # By hand, a text at a time.
    rows = garments.rows("selection")[:9]
    model, tokenizer = bases.language_model("smollm2")
    token = [tokenizer.encode(f" {label}", add_special_tokens=False)[0] for label in garments.labels]
    with torch.no_grad():
        told = torch.stack(
            [
                model(torch.tensor([encode(tokenizer, "{text} in", text)])).logits[0, -1, token]
                for text in garments.said(rows)
            ]
        ).log_softmax(dim=-1)
    right = (told - told.mean(dim=0)).argmax(dim=-1).numpy() == garments.targets[rows]
    named = next(one for one in ranking if one["words"] is None and one["prompt"] == "{text} in")
    assert named["accuracy"] == right.mean()
    # What was found is kept: no model is read again; and ties keep their order.
    monkeypatch.setattr("classification.screening.language_model", None)
    assert screen(garments, "smollm2", None, asked, 9, tmp_path) == ranking
    for path in (tmp_path / "selection").glob("*.json"):
        path.write_text(json.dumps(json.loads(path.read_text()) | {"accuracy": 0.5}))
    again = screen(garments, "smollm2", None, asked, 9, tmp_path)
    assert again == [one | {"accuracy": 0.5} for one in asked]


def test_the_ranking_stands_beside_the_choice(garments, tmp_path, monkeypatch):
    asked = []

    def judged(cell, task, config, seeds, files, rows):
        asked.append(config)
        return {"config": config, "accuracy": float(len(asked) == 3), "seeds": seeds, "rows": rows}

    monkeypatch.setattr("classification.selection.tried", judged)
    file, cell = tmp_path / "chosen.json", Cell("trimmed_finetune", "fashion", "smollm2", 16)
    best = select(cell, garments, Rules(screened=1, screening_rows=6), tmp_path, file)
    told = json.loads(file.read_text())[key("trimmed_finetune", "fashion", "smollm2", 16)]
    assert told["config"] == best["config"] == asked[2]
    assert told["screening"]["rows"] == 6
    ranking = told["screening"]["ranking"]
    assert len(ranking) == len(pairs("fashion"))
    assert {one["prompt"] for one in asked} == {ranking[0]["prompt"]}
    assert told["tried"] == len({json.dumps(one["settings"]) for one in asked})
    # Other shots may take its prompt, and no other is ranked.
    asked.clear()
    other = replace(cell, shots=None)
    select(other, garments, Rules(alike="16"), tmp_path, file)
    assert {one["prompt"] for one in asked} == {ranking[0]["prompt"]}
    whole = json.loads(file.read_text())[key("trimmed_finetune", "fashion", "smollm2", None)]
    assert "screening" not in whole
    # Nothing is judged where one candidate is left.
    select(other, garments, Rules(alike="16", most=1), tmp_path, file)
    assert chosen("trimmed_finetune", "fashion", "smollm2", None, file) == (asked[0], "chosen")


@pytest.mark.parametrize(
    ("method", "config", "least"),
    [
        (
            "trimmed_linear",
            {"head": "logistic", "prompt": "{text}", "depths": [0.5], "pooling": "mean", "C": 1.0},
            1.0,
        ),
        (
            "trimmed_linear",
            {
                "head": "label_words",
                "prompt": "{text} in",
                "words": None,
                "epochs": 60,
                "learning_rate": 3e-2,
            },
            0.9,
        ),
        ("trimmed_finetune", {"prompt": "{text} in", "words": None, "settings": LORA}, 0.9),
        (
            "trimmed_finetune",
            {"prompt": "{text} in", "words": None, "settings": LORA | {"method": "qlora"}},
            0.9,
        ),
        ("sequence_classification", {"settings": LORA}, 0.9),
    ],
)
def test_every_method_learns_and_answers_as_it_was_scored(method, config, least, garments, tmp_path):
    train, judged = garments.shots(8, 1), garments.rows("test")
    done = run(method, Assignment(garments, train, judged, "smollm2", None, config, 1, tmp_path))
    assert done.predictions.shape == (30,)
    assert set(done.predictions) <= {0, 1, 2}
    assert scores(garments.targets[judged], done.predictions)["accuracy"] >= least
    assert np.array_equal(done.classify(garments.said(judged)), done.predictions)
    assert done.parameters > 0


@pytest.mark.parametrize(
    ("method", "config"),
    [
        ("zero_shot", {"calibration": None}),
        ("zero_shot", {"calibration": "batch"}),
        ("channel", {"calibration": None}),
        ("few_shot", {"calibration": "batch", "demonstrations": 1}),
    ],
)
def test_a_prompted_model_answers_the_label_that_it_would_say_next(
    method, config, tiny_base, tmp_path, monkeypatch
):
    # Untrained layers pass on what they read: the likeliest next word is the last one once more. So a text
    # that ends with a label's word is that label's, and one that begins with it is likeliest after that word.
    monkeypatch.setitem(bases.LANGUAGE, "smollm2", str(tiny_base))
    labels = ("trousers", "belts", "coats")  # not in the order of their names, in which classifiers keep them
    targets = np.arange(60) % 3
    texts = [f"{labels[kind]} no {i % 30} {labels[kind]}" for i, kind in enumerate(targets)]
    task = make_task("echoes", labels, (texts[:30], targets[:30]), (texts[30:], targets[30:]))
    told = {"prompt": "{text}", "words": None, "mode": method} | config
    judged = task.rows("test")
    done = run(method, Assignment(task, task.shots(4, 1), judged, "smollm2", None, told, 1, tmp_path))
    assert scores(task.targets[judged], done.predictions)["accuracy"] >= 0.9
    assert np.array_equal(done.classify(task.said(judged)), done.predictions)
    # Words change places, and answers with them.
    turned = told | {"words": ["belts", ["coats"], "trousers"]}
    done = run(method, Assignment(task, task.shots(4, 1), judged, "smollm2", None, turned, 1, tmp_path))
    assert scores((task.targets[judged] + 2) % 3, done.predictions)["accuracy"] >= 0.9


def test_a_resumed_fine_tune_is_reported_with_the_time_before(garments, tmp_path, monkeypatch):
    from classification import finetune

    def resumed(*given):  # this process read the rest alone, a row in a thousand seconds
        return replace(tune(*given), samples_per_second=0.001)

    tune = finetune.tune
    monkeypatch.setattr(finetune, "tune", resumed)
    config = {"prompt": "{text} in", "words": None, "settings": LORA | {"epochs": 2}}
    given = Assignment(
        garments, garments.shots(2, 1), garments.rows("test"), "smollm2", None, config, 1, tmp_path
    )
    assert run("trimmed_finetune", given).seconds == pytest.approx(2 * 6 * 1000)


def test_every_variant_is_measured(garments, tmp_path):
    told = {variant: measure("smollm2", None, variant, tmp_path) for variant in VARIANTS}
    for figures in told.values():
        assert figures["texts_per_second"] > 0
        assert figures["train_samples_per_second"] > 0
        assert figures["number_format"] == "float32"  # as the tests compute
    assert told["trimmed"]["tokens_a_text"] == told["untrimmed"]["tokens_a_text"]


def test_variants_give_the_same_probabilities_whatever_is_asked_together(garments, monkeypatch):
    monkeypatch.setattr("classification.speed.LABELS", ("red", "white", "black", "soft"))
    texts = [f"{text} {'in ' * (i % 3)}" for i, text in enumerate(garments.texts[:8])]
    told = {}
    for name in VARIANTS:
        torch.manual_seed(0)  # the sequence classifier's new head
        answer = make_variant("smollm2", None, name).answer
        told[name] = answer(texts)
        assert told[name].shape == (8, 4)
        np.testing.assert_allclose(told[name].sum(axis=1), 1, rtol=1e-5)
        np.testing.assert_allclose(np.concatenate([answer([one]) for one in texts]), told[name], rtol=1e-4)
    assert np.ptp(told["trimmed"], axis=0).max() > 1e-3  # they do depend on the text
    for name in ("untrimmed", "untrimmed_last_position"):
        np.testing.assert_allclose(told[name], told["trimmed"], rtol=1e-4)
