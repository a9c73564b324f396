"""What a saved classifier holds, counts and refuses."""

import json

import numpy as np
import pytest
import torch
from architectures import CONFIGS, build
from peft import LoraConfig, get_peft_model, inject_adapter_in_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from rec_assets.backbone.load import load_base
from rec_assets.errors import BaseModelError
from rec_assets.heads.classifier import DecoderTrimmedClassifier
from rec_assets.heads.errors import HeadError
from rec_assets.heads.language_model import LanguageModel

TEXTS = ["black Coats", "red Belts no 3"]
ADAPTER = {"r": 2, "target_modules": ["q_proj"], "init_lora_weights": False}


def zero_shot(model, tokenizer):
    return DecoderTrimmedClassifier(
        LanguageModel(model, tokenizer), ["belts", "coats"], "{text} This garment is a", mode="zero_shot"
    ).fit()


@pytest.fixture
def saved(model, tokenizer, tmp_path):
    zero_shot(model, tokenizer).save(tmp_path / "saved")
    return tmp_path / "saved"


@pytest.mark.parametrize("name", sorted(CONFIGS))
def test_every_architecture_is_read_again_with_no_weight_missing(name, tokenizer, tmp_path):
    model = build(name)
    words = DecoderTrimmedClassifier(
        LanguageModel(model, tokenizer), {"a": ["black"], "b": ["red"]}, "{text} is", mode="zero_shot"
    )
    tokens = [tokenizer.encode(word, add_special_tokens=False) for word in ("black", "red")]
    if max(token for ids in tokens for token in ids) >= model.config.get_text_config().vocab_size:
        model.resize_token_embeddings(len(tokenizer))
    expected = words.fit().predict_proba(["black", "a a"])
    words.save(tmp_path / "saved")
    assert np.array_equal(
        DecoderTrimmedClassifier.load(tmp_path / "saved").predict_proba(["black", "a a"]), expected
    )


def test_it_comes_back_with_its_parameters_and_words(model, tokenizer, tmp_path):
    words = {"warm": ("red", "black"), "cool": ("green",)}
    told = {"mode": "few_shot", "multi_token": "trie", "calibration": None, "demonstrations": 3}
    clf = DecoderTrimmedClassifier(LanguageModel(model, tokenizer), words, "{text} is", **told)
    texts = ["red Coats", "black Belts", "green Coats", "green Belts"]
    clf.fit(texts, ["warm", "warm", "cool", "cool"]).save(tmp_path / "saved")
    again = DecoderTrimmedClassifier.load(tmp_path / "saved")
    assert {name: again.get_params()[name] for name in told} == told
    assert again.words_ == clf.words_
    assert again.labels == {"cool": ("green",), "warm": ("red", "black")}
    np.testing.assert_allclose(again.predict_proba(texts), clf.predict_proba(texts), rtol=1e-6)


@pytest.mark.parametrize(
    "asked", [{"multi_token": "mean"}, {"mode": "channel"}, {"label_words": "search", "labels": None}]
)
def test_retrained_rows_are_read_in_modes_that_need_the_whole_head(model, tokenizer, asked):
    config = LoraConfig(**ADAPTER, trainable_token_indices=[5, 7], task_type="CAUSAL_LM")
    language = LanguageModel(get_peft_model(model, config), tokenizer)
    told = {"labels": {"a": "black Coats", "b": "red"}, "mode": "zero_shot"} | asked
    texts = ["black Coats", "red Coats"] * 4
    clf = DecoderTrimmedClassifier(language, prompt="{text} is", **told).fit(texts, ["a", "b"] * 4)
    assert np.isfinite(clf.predict_log_proba(texts)).all()


@pytest.mark.parametrize("way", ["add_adapter", "inject"])
def test_adapters_inside_the_models_own_layers_are_refused_with_their_cure(model, tokenizer, tmp_path, way):
    if way == "inject":
        inject_adapter_in_model(LoraConfig(**ADAPTER), model)
    else:
        model.add_adapter(LoraConfig(**ADAPTER))
    clf = zero_shot(model, tokenizer)
    with pytest.raises(HeadError, match="adapters inside its own layers") as caught:
        clf.save(tmp_path / "saved")
    assert caught.value.cure
    assert not (tmp_path / "saved").exists()


@pytest.mark.parametrize("kind", ["missing", "unexpected"])
def test_a_backbone_with_other_weights_is_refused(saved, kind):
    path = saved / "backbone" / "model.safetensors"
    tensors = load_file(path)
    value = tensors.pop("norm.weight")
    if kind == "unexpected":
        tensors |= {"norm.weight": value, "norm.lora.weight": value.clone()}
    save_file(tensors, path, {"format": "pt"})
    with pytest.raises(BaseModelError, match=f"1 {kind} weights, norm"):
        DecoderTrimmedClassifier.load(saved)


@pytest.mark.parametrize(
    ("file", "error", "words"),
    [
        ("classifier.json", HeadError, "classifier.json is damaged"),
        ("backbone/model.safetensors", BaseModelError, "backbone"),
        ("decoder.safetensors", BaseModelError, "trimmed decoder"),
    ],
)
def test_a_damaged_file_is_named(saved, file, error, words):
    (saved / file).write_bytes((saved / file).read_bytes()[:40])
    with pytest.raises(error, match=words):
        DecoderTrimmedClassifier.load(saved)


def test_a_kind_that_is_not_known_is_refused(saved):
    path = saved / "classifier.json"
    path.write_text(path.read_text().replace('"kind": "', '"kind": "newer '))
    with pytest.raises(HeadError, match=r"classifier\.json is of a kind not known here: newer "):
        DecoderTrimmedClassifier.load(saved)


def test_a_four_bit_checkpoint_keeps_its_layout_and_counts_what_it_holds(
    model, tokenizer, tmp_path, monkeypatch
):
    model.save_pretrained(tmp_path / "base")
    plain = AutoModelForCausalLM.from_pretrained(tmp_path / "base")
    four_bit = load_base(tmp_path / "base", quantised=True)
    clf = zero_shot(four_bit, tokenizer)
    expected = clf.predict_proba(TEXTS)
    sizes = clf.save(tmp_path / "saved")
    # As on a processor that multiplies bf16: there a layer that is read is rearranged for good.
    monkeypatch.setattr("bitsandbytes.nn.modules.has_avx512bf16", lambda: True)
    again = DecoderTrimmedClassifier.load(tmp_path / "saved")
    layers = [one for one in again.scorer_.language.model.modules() if type(one).__name__ == "Linear4bit"]
    assert layers
    assert not any(one.support_avx512bf16_for_cpu for one in layers)
    assert np.array_equal(again.predict_proba(TEXTS), expected)
    assert sizes["parameters_before"] == plain.num_parameters()
    rows = clf.scorer_.decoder.weight
    assert sizes["parameters_after"] == plain.model.num_parameters() + rows.numel()
    stored = load_file(tmp_path / "saved" / "backbone" / "model.safetensors")
    assert sizes["bytes_after"] == sum(one.nbytes for one in stored.values()) + rows.nbytes
    assert json.loads((tmp_path / "saved" / "classifier.json").read_text())["sizes"] == sizes
    assert torch.float32 in {one.dtype for one in stored.values()}
