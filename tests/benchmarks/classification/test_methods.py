"""Every method learns, and answers as it was scored."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from architectures import build
from classification import bases
from classification.assignment import Assignment
from classification.judge import scores
from classification.methods import bases_of, deterministic, run
from classification.setfit import pairs as contrastive_pairs
from classification.tasks import make_task

from rec_assets.heads.head_trainer import labelled_row
from rec_assets.recommender.batches import collate

LORA = {"method": "lora", "epochs": 8, "batch_tokens": 64, "learning_rate": 1e-2, "head_learning_rate": 1e-2}


def assignment(task, tmp_path, **config):
    return Assignment(task, task.shots(4, 1), task.rows("test"), None, None, config, 1, tmp_path)


def test_a_method_that_reads_a_language_model_refuses_an_encoder():
    assert bases_of("trimmed_linear", "gemma3") == "gemma3"
    assert bases_of("setfit", "smollm2") == "minilm"
    assert bases_of("tfidf_lr", "smollm2") is None
    with pytest.raises(ValueError, match="reads a language model"):
        bases_of("trimmed_linear", "minilm")


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


def test_contrastive_pairs_are_of_both_kinds_and_never_of_a_text_with_itself():
    targets = np.array([0, 0, 0, 1, 1, 2])
    left, right, same = contrastive_pairs(targets, rounds=4, most=1000, seed=3)
    assert (left != right).all()
    assert same.dtype == np.float32
    assert np.array_equal(same == 1, targets[left] == targets[right])
    assert same.sum() == 4 * 5  # the lonely label has no pair
    assert len(same) == 4 * (5 + 6)
    assert len(contrastive_pairs(targets, rounds=4, most=7, seed=3)[0]) == 7


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
        ("auto", {"prompt": "{text} in", "words": None, "mode": "auto"}, 0.9),
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
