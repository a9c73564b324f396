import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score
from transformers import AutoModelForCausalLM, LlamaForCausalLM

from rec_assets.errors import CouturierError
from rec_assets.heads.classifier import DecoderTrimmedClassifier
from rec_assets.heads.errors import HeadError
from rec_assets.heads.language_model import LanguageModel

PROMPT = "{text} This garment is a"
LABELS = {"Belts": ["belts"], "Coats": ["coats"], "Trousers": ["trousers"]}


@pytest.fixture
def language(model, tokenizer):
    return LanguageModel(model, tokenizer)


@pytest.fixture
def base(model, tokenizer, tmp_path):
    model.save_pretrained(tmp_path / "base")
    tokenizer.save_pretrained(tmp_path / "base")
    return tmp_path / "base"


@pytest.fixture(scope="session")
def garments(articles):
    known = articles.head(90)
    return known["title"].tolist(), known["category"].to_numpy()


def make(language, **settings):
    return DecoderTrimmedClassifier(**({"base": language, "labels": LABELS, "prompt": PROMPT} | settings))


def test_three_lines_learn_what_titles_name(base, garments):
    texts, y = garments
    clf = DecoderTrimmedClassifier(base, labels=LABELS, prompt=PROMPT)
    clf.fit(texts[:60], y[:60])
    assert clf.mode_ == "linear"
    assert clf.score(texts[60:], y[60:]) > 0.9
    probabilities = clf.predict_proba(texts[60:])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    assert (clf.classes_[probabilities.argmax(axis=1)] == clf.predict(texts[60:])).all()


def test_zero_shot_scores_as_the_language_model_does(language):
    clf = make(language, labels=["belts", "coats"], calibration=None)
    tokenizer = language.tokenizer
    row = [tokenizer.bos_token_id, *tokenizer.encode("black red This garment is a", add_special_tokens=False)]
    words = [tokenizer.encode(word, add_special_tokens=False)[0] for word in ("belts", "coats")]
    with torch.no_grad():
        logits = language.model(torch.tensor([row])).logits[0, -1]
    found = clf.predict_proba(["black red"])[0]
    assert clf.words_.words == (("belts",), ("coats",))
    variants = clf.scorer_.sequences
    expected = torch.stack([logits.softmax(-1)[[s[0] for s in own if len(s) == 1]].sum() for own in variants])
    assert all(word in [s[0] for s in own] for word, own in zip(words, variants, strict=True))
    np.testing.assert_allclose(found, expected / expected.sum(), rtol=0.05)


@pytest.mark.parametrize("mode", ["zero_shot", "few_shot", "channel", "linear"])
@pytest.mark.parametrize("kind", [list, np.array, lambda x: pd.Series(x, index=range(100, 100 + len(x)))])
def test_every_mode_reads_every_kind_of_sequence(language, garments, mode, kind):
    texts, y = garments
    clf = make(language, mode=mode).fit(kind(texts[:12]), kind(y[:12].tolist()))
    assert clf.predict(kind(texts[12:15])).shape == (3,)
    assert clf.predict_proba(kind(texts[12:15])).shape == (3, 3)


@pytest.mark.parametrize("calibration", [None, "contextual", "domain", "batch"])
def test_calibration_takes_the_preference_out(language, garments, calibration):
    texts, _ = garments
    clf = make(language, mode="zero_shot", calibration=calibration).fit(texts)
    if calibration is None:
        assert clf.prior_ is None
    else:
        assert np.exp(clf.prior_).sum() == pytest.approx(1, rel=1e-4)
    if calibration == "contextual":
        from rec_assets.heads.calibration import CONTENT_FREE

        mean = np.exp(clf.scorer_.scores(CONTENT_FREE) - clf.prior_).mean(axis=0)
        np.testing.assert_allclose(mean, 1, rtol=1e-4)


def test_labels_may_change_at_prediction(language, garments):
    texts, y = garments
    clf = make(language).fit(texts[:30], y[:30])
    colours = {"dark": ["black"], "bright": ["red", "white"]}
    assert set(clf.predict(texts[:9], labels=colours)) <= {"dark", "bright"}
    probabilities = clf.predict_proba(texts[:9], labels=colours)
    assert probabilities.shape == (9, 2)
    swapped = clf.predict_proba(texts[:9], labels=dict(reversed(colours.items())))
    np.testing.assert_allclose(swapped, probabilities[:, ::-1], rtol=1e-4)
    assert clf.predict_proba(texts[:9]).shape == (9, 3)


def test_labels_that_begin_one_another_are_told_apart(language, garments, tmp_path):
    texts, _ = garments
    settings = {"labels": ["red", "red black", "green"], "mode": "zero_shot", "multi_token": "trie"}
    clf = make(language, **settings, calibration=None).fit()
    found = clf.predict_proba(texts[:5])
    assert (found[:, 1] != found[:, 2]).all()
    clf.save(tmp_path / "saved")
    assert (DecoderTrimmedClassifier.load(tmp_path / "saved").predict_proba(texts[:5]) == found).all()


def test_one_text_is_no_list_of_labels(language, garments):
    texts, y = garments
    for clf in (make(language), make(language).fit(texts, y)):
        with pytest.raises(HeadError, match="One text, 'Coats'"):
            clf.predict_proba(texts[:2], labels="Coats")


def test_labels_may_come_as_an_array(language, garments):
    texts, _ = garments
    clf = make(language, labels=np.array(sorted(LABELS)), mode="zero_shot").fit(texts)
    assert set(clf.predict(texts)) <= set(LABELS)
    assert clf.predict(texts[:2], labels=np.array(["black", "red"])).shape == (2,)


def test_auto_counts_a_label_that_has_no_texts(language, garments):
    texts, y = garments
    known = y != "Trousers"  # the last of the labels
    clf = make(language).fit([text for text, own in zip(texts, known, strict=True) if own], y[known])
    assert clf.mode_ == "few_shot"


def test_a_batch_of_one_text_does_not_answer_evenly(language, garments):
    texts, _ = garments
    named = {"labels": ["black", "red", "green"]}
    alone = make(language, mode="zero_shot", calibration="batch")
    contextual = make(language, mode="zero_shot", calibration="contextual")
    found = alone.predict_proba(texts[:1], **named)
    assert found.std() > 1e-4
    assert (found == contextual.predict_proba(texts[:1], **named)).all()
    fitted = make(language, mode="zero_shot", calibration="batch").fit(texts)
    assert fitted.batch_ == texts
    together = fitted.predict_proba(texts, **named)
    np.testing.assert_allclose(fitted.predict_proba(texts[:1], **named), together[:1], rtol=1e-4)
    assert contextual.fit(texts).batch_ == []  # texts of customers are kept for nothing else


def test_searched_words_are_the_classes_own(language, garments):
    texts, y = garments
    clf = make(language, mode="zero_shot", labels=None, label_words="search").fit(texts, y)
    assert all(own for own in clf.words_.words)
    flat = [word for own in clf.words_.words for word in own]
    assert len(set(flat)) == len(flat)
    named = make(language, mode="zero_shot").fit(texts)
    assert clf.score(texts, y) > named.score(texts, y)


def test_numbers_may_be_labels(language, garments):
    texts, y = garments
    numbers = np.searchsorted(sorted(LABELS), y)
    clf = make(language, labels=None).fit(texts, numbers)
    assert clf.classes_.tolist() == [0, 1, 2]
    assert clf.predict(texts[:3]).dtype == numbers.dtype


def test_a_label_without_texts_is_never_learnt(language, garments):
    texts, y = garments
    kept = y != "Coats"
    clf = make(language, mode="linear").fit([t for t, k in zip(texts, kept, strict=True) if k], y[kept])
    assert clf.classes_.tolist() == sorted(LABELS)
    assert clf.predict_proba(texts)[:, 1].max() < 1e-6


@pytest.mark.parametrize("settings", [{"layer": 1, "pooling": "mean"}, {"layer": 0}, {"solver": "head"}])
def test_linear_reads_any_layer(language, garments, settings):
    texts, y = garments
    clf = make(language, mode="linear", **settings).fit(texts[:60], y[:60])
    assert clf.predict_proba(texts[60:]).shape == (30, 3)
    if "layer" in settings:
        assert clf.scorer_.layer == settings["layer"]


def test_sklearn_copies_and_cross_validates_it_around_one_model(language, garments):
    texts, y = garments
    clf = make(language, mode="linear", layer=0, pooling="mean")
    copy = clone(clf)
    assert copy.base is language
    assert cross_val_score(clf, texts, y, cv=3).mean() > 0.8


def test_a_pickle_holds_the_folder_not_the_model(base, garments):
    texts, y = garments
    clf = DecoderTrimmedClassifier(base, labels=LABELS, prompt=PROMPT).fit(texts, y)
    stored = pickle.dumps(clf)
    assert len(stored) < 100_000
    assert (pickle.loads(stored).predict_proba(texts) == clf.predict_proba(texts)).all()


@pytest.mark.parametrize(
    ("settings", "texts", "y", "words"),
    [
        ({}, "one text", None, "list of texts"),
        ({}, [], None, "no text"),
        ({}, ["a", None], None, "Entry 1"),
        ({}, np.array([["a"], ["b"]]), None, "Reshape your data"),
        ({}, ["a", "b"], ["Belts"], "2 texts and 1 labels"),
        ({}, ["a", "b"], ["Belts", "Hats"], "'Hats'"),
        ({}, ["a", "b"], ["Belts", None], "label is missing"),
        ({"mode": "guess"}, ["a"], None, "no mode 'guess'"),
        ({"mode": "linear"}, ["a"], None, "needs labelled texts"),
        ({"label_words": "search"}, ["a"], None, "needs labelled texts"),
        ({"labels": None}, ["a"], None, "no labels"),
        ({"calibration": "warm", "mode": "zero_shot"}, ["a"], None, "no calibration 'warm'"),
        ({"calibration": "domain", "mode": "zero_shot"}, None, None, "needs texts"),
        ({"prompt": "no field"}, ["a"], None, "has 0 fields"),
        ({"labels": {"Belts": [], "Coats": ["coats"]}}, ["a"], None, "no word"),
        ({"labels": {"Belts": ["black"], "Coats": ["black"]}}, ["a"], None, "another label's too"),
        ({"labels": "Belt"}, ["a"], None, "One text, 'Belt'"),
        ({"label_words": {"Coat": ["coat"]}}, ["a"], None, "words for 'Coat'"),
        ({"multi_token": "tree"}, ["a"], None, "no multi_token 'tree'"),
        ({"pooling": "max"}, ["a", "b"], ["Belts", "Coats"], "no pooling 'max'"),
        ({"layer": "first"}, ["a", "b"], ["Belts", "Coats"], "no layer 'first'"),
        ({"solver": "guess"}, ["a", "b"], ["Belts", "Coats"], "no solver 'guess'"),
        ({"demonstrations": -1}, ["a"], None, "demonstrations is -1"),
        ({"text_tokens": -3}, ["a"], None, "text_tokens is -3"),
        ({}, ["a", "b"], ["Belts", pd.NA], "label is missing"),
        ({}, ["a", "b"], ["Belts", float("nan")], "label is missing"),
        ({"labels": None}, ["a", "b"], ["Coats", 1], "several types"),
        ({"labels": None}, ["a", "b"], pd.Series(["Coats", 1]), "several types"),
        ({"mode": "fine_tune", "fine_tuning": 3}, ["a", "b"], ["Belts", "Coats"], "fine_tuning is 3"),
        (
            {"mode": "fine_tune", "fine_tuning": {"rounds": 1}},
            ["a", "b"],
            ["Belts", "Coats"],
            r"fine_tuning\.rounds",
        ),
        ({"layer": 9, "mode": "linear", "labels": None}, ["a", "b"], ["x", "y"], "no layer 9"),
    ],
)
def test_what_cannot_work_is_refused_with_its_cure(language, settings, texts, y, words):
    with pytest.raises(HeadError, match=words) as caught:
        make(language, **settings).fit(texts, y)
    assert isinstance(caught.value, CouturierError)
    assert caught.value.cure


def test_unfitted_it_answers_only_where_label_words_are_enough(language):
    assert make(language).predict(["black"])[0] in LABELS
    with pytest.raises(NotFittedError):
        make(language, labels=None).predict(["black"])
    with pytest.raises(NotFittedError):
        make(language, mode="linear").predict(["black"])


@pytest.mark.parametrize(
    "settings",
    [
        {"mode": "zero_shot", "multi_token": "trie"},
        {"mode": "few_shot", "multi_token": "trie"},
        {"mode": "linear", "layer": None, "pooling": "last"},
        {"mode": "linear", "layer": 1, "pooling": "mean"},
        {"mode": "linear", "layer": 0, "pooling": "mean"},
        {"mode": "linear", "solver": "head", "layer": None, "pooling": "last"},
    ],
    ids=str,
)
def test_a_checkpoint_answers_with_the_same_bits_without_its_base(base, garments, tmp_path, settings):
    texts, y = garments
    clf = DecoderTrimmedClassifier(base, labels=LABELS, prompt=PROMPT, **settings).fit(texts[:30], y[:30])
    expected = clf.predict_proba(texts)
    sizes = clf.save(tmp_path / "saved")
    whole = AutoModelForCausalLM.from_pretrained(base)
    assert sizes["parameters_before"] == whole.num_parameters()
    for file in base.iterdir():
        file.unlink()
    again = DecoderTrimmedClassifier.load(tmp_path / "saved")
    assert (again.predict_proba(texts) == expected).all()
    assert (again.predict(texts) == clf.predict(texts)).all()
    held = sum(p.numel() for p in again.scorer_.language.model.parameters())
    rows = again.scorer_.decoder if hasattr(again.scorer_, "decoder") else again.scorer_.head.decoder
    assert sizes["parameters_after"] == held + sum(p.numel() for p in rows.parameters())
    assert sizes["bytes_after"] < sizes["bytes_before"]
    assert not [file for file in (tmp_path / "saved").rglob("*") if file.suffix in (".bin", ".pt", ".pkl")]
    with pytest.raises(HeadError, match="trimmed one"):
        again.predict(texts[:2], labels=["black", "red"])


def test_layers_that_are_not_read_are_not_saved(language, garments, tmp_path):
    texts, y = garments
    clf = make(language, mode="linear", layer=1, pooling="last").fit(texts[:30], y[:30])
    clf.save(tmp_path / "saved")
    assert len(DecoderTrimmedClassifier.load(tmp_path / "saved").scorer_.language.model.layers) == 1
    assert len(language.model.model.layers) == 2  # the base is as it was


def test_a_tied_head_is_written_once(model, tokenizer, tmp_path):
    torch.manual_seed(0)
    model.config.tie_word_embeddings = True
    tied = LlamaForCausalLM(model.config)
    tied.save_pretrained(tmp_path / "whole")
    clf = make(LanguageModel(tied, tokenizer), mode="zero_shot", multi_token="trie").fit()
    sizes = clf.save(tmp_path / "saved")

    def stored(file):
        return {name: value.nbytes for name, value in load_file(tmp_path / file).items()}

    backbone, rows = stored("saved/backbone/model.safetensors"), stored("saved/decoder.safetensors")
    tables = [name for name, size in backbone.items() if size == tied.lm_head.weight.nbytes]
    assert tables == ["embed_tokens.weight"]
    assert sizes["bytes_before"] == sum(stored("whole/model.safetensors").values()) == sum(backbone.values())
    assert sizes["bytes_after"] == sizes["bytes_before"] + rows["weight"]
    assert sizes["parameters_after"] == tied.num_parameters() + rows["weight"] // 4


def test_what_needs_the_vocabulary_is_not_saved(language, tmp_path):
    for settings in ({"mode": "channel"}, {"mode": "zero_shot", "multi_token": "mean"}):
        with pytest.raises(HeadError, match="whole vocabulary"):
            make(language, **settings).fit().save(tmp_path / "saved")
    assert not (tmp_path / "saved").exists()


def test_a_foreign_folder_is_not_replaced(language, tmp_path):
    (tmp_path / "letters.txt").write_text("mine")
    with pytest.raises(CouturierError, match="other files"):
        make(language, mode="zero_shot", multi_token="trie").fit().save(tmp_path)
    with pytest.raises(HeadError, match="holds no"):
        DecoderTrimmedClassifier.load(tmp_path)


@pytest.mark.parametrize("method", ["lora", "qlora"])
def test_fine_tuning_learns_on_a_copy_and_is_saved_merged(base, garments, tmp_path, method):
    from rec_assets.heads.fine_tune import FineTuneSettings

    texts, y = garments
    shared = LanguageModel.load(base)
    before = {name: value.clone() for name, value in shared.model.state_dict().items()}
    rates = {"learning_rate": 5e-3, "head_learning_rate": 5e-3, "dropout": 0}
    settings = FineTuneSettings(method=method, epochs=12, batch_tokens=128, seed=7, **rates)
    clf = DecoderTrimmedClassifier(base, LABELS, PROMPT, mode="fine_tune", fine_tuning=settings)
    clf.fit(texts, y)
    assert clf.score(texts, y) > 0.6
    assert all(torch.equal(value, before[name]) for name, value in shared.model.state_dict().items())
    expected = clf.predict_proba(texts)
    clf.save(tmp_path / "saved")
    assert (DecoderTrimmedClassifier.load(tmp_path / "saved").predict_proba(texts) == expected).all()


@pytest.mark.parametrize(("layer", "place"), [(0, 0), (1, 1), (-1, None)])
def test_a_regression_answers_along_and_is_saved(base, garments, tmp_path, layer, place):
    texts, y = garments
    settings = {"regression_layer": layer, "epochs": 2, "batch_tokens": 128}
    clf = DecoderTrimmedClassifier(base, LABELS, PROMPT, mode="fine_tune", fine_tuning=settings)
    clf.fit(texts, y)
    assert clf.scorer_.regression_layer == place
    expected = clf.predict_proba(texts)
    sizes = clf.save(tmp_path / "saved")
    again = DecoderTrimmedClassifier.load(tmp_path / "saved")
    assert (again.predict_proba(texts) == expected).all()
    modules = again.scorer_.language.model, again.scorer_.head, again.scorer_.regression
    assert sizes["parameters_after"] == sum(p.numel() for one in modules for p in one.parameters())


def test_fine_tuning_reads_as_many_tokens_as_every_mode(base, garments, tmp_path):
    from rec_assets.heads.fine_tune import FineTuneSettings

    texts, y = garments
    settings = FineTuneSettings(epochs=1, batch_tokens=128)
    clf = DecoderTrimmedClassifier(
        base, LABELS, PROMPT, mode="fine_tune", fine_tuning=settings, text_tokens=2
    )
    clf.fit(texts[:30], y[:30])
    cut = [" ".join(text.split()[:2]) for text in texts]
    assert (clf.predict_proba(texts) == clf.predict_proba(cut)).all()
    assert len(np.unique(clf.predict_proba(cut), axis=0)) > 1
    clf.save(tmp_path / "saved")
    again = DecoderTrimmedClassifier.load(tmp_path / "saved")
    assert again.text_tokens == 2
    assert again.prompt == PROMPT
    assert (again.predict_proba(texts) == clf.predict_proba(cut)).all()


@pytest.mark.parametrize("mode", ["few_shot", "channel"])
def test_behind_solved_examples_a_few_texts_are_read_at_once(language, garments, monkeypatch, mode):
    texts, y = garments
    clf = make(language, mode=mode, demonstrations=2).fit(texts[:12], y[:12])
    found = clf.predict_proba(texts)
    monkeypatch.setattr("rec_assets.heads.states._REMEMBERED", 200)
    read = []
    hook = language.decoder.register_forward_pre_hook(
        lambda module, args, given: read.append(len(given["input_ids"])), with_kwargs=True
    )
    np.testing.assert_allclose(clf.predict_proba(texts), found, rtol=1e-3)
    hook.remove()
    assert 1 < max(read) < 5
