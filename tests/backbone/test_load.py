import copy

import pytest
import torch
from peft import LoraConfig, get_peft_model

from rec_assets.backbone.gates import add_residual_gates, fold_gates
from rec_assets.backbone.load import load_base, load_tokenizer
from rec_assets.backbone.quantise import dequantise
from rec_assets.backbone.trim import trim_decoder
from rec_assets.errors import BaseModelError


@pytest.fixture
def wide(tmp_path, tokenizer):
    """A checkpoint whose matrices fill whole NF4 blocks."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=112, hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=128
    )
    LlamaForCausalLM(config).save_pretrained(tmp_path / "wide")
    return tmp_path / "wide"


def test_a_plain_model_loads_in_evaluation_mode_with_equal_logits(checkpoint, tied, inputs):
    model = load_base(checkpoint)
    assert not model.training
    assert torch.equal(model(inputs).logits, tied(inputs).logits)


def test_nf4_layers_learn_the_same_after_they_were_read_in_evaluation(wide, inputs):
    model = load_base(wide, quantised=True)

    def gradient() -> torch.Tensor:
        rows = model.get_input_embeddings()(inputs).detach().requires_grad_()
        model.train()(inputs_embeds=rows).logits.logsumexp(-1).sum().backward()
        return rows.grad

    before = gradient()
    with torch.no_grad():
        model.eval()(inputs)
    assert torch.equal(gradient(), before)


def test_nf4_holds_the_decoder_and_leaves_embeddings_norms_and_head(wide):
    model = load_base(wide, quantised=True)
    kinds = {name: module.weight.dtype for name, module in model.named_modules() if hasattr(module, "weight")}
    assert kinds.pop("model.embed_tokens") == kinds.pop("lm_head") == torch.float32
    assert {dtype for name, dtype in kinds.items() if name.endswith("_proj")} == {torch.uint8}
    assert {dtype for name, dtype in kinds.items() if "norm" in name} == {torch.float32}


def test_nf4_trains_forward_and_backward_and_merges_into_what_it_stands_for(wide, inputs):
    adapter = LoraConfig(r=2, target_modules="all-linear", task_type="CAUSAL_LM")
    trained = get_peft_model(load_base(wide, quantised=True), adapter)
    add_residual_gates(trained, 0.5)
    optimiser = torch.optim.AdamW([p for p in trained.parameters() if p.requires_grad], lr=0.02)
    losses = []
    for _ in range(10):
        loss = trained(inputs, labels=inputs).loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]
    weights = {name: copy.deepcopy(p.data) for name, p in trained.named_parameters() if p.requires_grad}

    plain = load_base(wide, quantised=True)
    dequantise(plain)
    exported = get_peft_model(plain, adapter)
    add_residual_gates(exported, 0.5)
    exported.load_state_dict(weights, strict=False)
    merged = exported.merge_and_unload()
    fold_gates(merged)
    torch.testing.assert_close(merged(inputs).logits, trained(inputs).logits, rtol=1e-3, atol=1e-4)
    merged.save_pretrained(wide.parent / "export")
    assert torch.equal(load_base(wide.parent / "export")(inputs).logits, merged(inputs).logits)


def test_a_four_bit_model_can_be_trimmed(wide, inputs):
    model = load_base(wide, quantised=True)
    decoder = trim_decoder(model, [5, 9])
    hidden = model.model(inputs).last_hidden_state
    assert torch.equal(decoder(hidden), model(inputs).logits[..., [5, 9]])


def test_a_wrapped_model_is_not_dequantised(wide):
    wrapped = get_peft_model(load_base(wide, quantised=True), LoraConfig(r=2, target_modules=["q_proj"]))
    with pytest.raises(BaseModelError, match="PEFT already"):
        dequantise(wrapped)


def test_a_folder_without_a_model_names_what_is_missing(tmp_path, checkpoint):
    with pytest.raises(BaseModelError, match=r"no config\.json"):
        load_base(tmp_path / "nowhere")
    (checkpoint / "model.safetensors").rename(checkpoint / "pytorch_model.bin")
    with pytest.raises(BaseModelError, match="pickle"):
        load_base(checkpoint)


def test_damaged_weights_are_an_error_with_a_cure(checkpoint):
    (checkpoint / "model.safetensors").write_bytes(b"\x08\x00\x00\x00\x00\x00\x00\x00garbage!")
    with pytest.raises(BaseModelError, match="could not be loaded"):
        load_base(checkpoint)


def test_an_attention_that_is_not_installed_is_an_error_with_a_cure(checkpoint):
    with pytest.raises(BaseModelError, match=r"training\.attention"):
        load_base(checkpoint, attention="flash_attention_2")


def test_a_missing_tokenizer_is_an_error_with_a_cure(checkpoint):
    (checkpoint / "tokenizer.json").unlink()
    (checkpoint / "tokenizer_config.json").unlink()
    with pytest.raises(BaseModelError, match="no tokenizer"):
        load_tokenizer(checkpoint)
