"""Prompts and words are ranked untrained, candidates judged on the selection, the best is kept."""

import json
from dataclasses import replace

import numpy as np
import torch
from classification import bases
from classification.recipes import choose, chosen, key, pairs
from classification.runs import Cell, tried
from classification.screening import calibrated_accuracy, screen
from classification.selection import Rules, select

from rec_assets.heads.states import encode


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
    # Candidates may learn from a part; the recipe keeps its own share.
    asked.clear()
    best = select(other, garments, Rules(alike="16", share=0.25), tmp_path, file)
    assert {one["share"] for one in asked} == {0.25}
    assert best["config"]["settings"] == asked[2]["settings"]
    assert best["config"]["share"] == 1.0
    assert (
        json.loads(file.read_text())[key("trimmed_finetune", "fashion", "smollm2", None)]["share_learnt"]
        == 0.25
    )
