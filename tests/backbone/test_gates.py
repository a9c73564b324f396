import copy

import pytest
import torch
from peft import LoraConfig, get_peft_model

from rec_assets.backbone.gates import add_residual_gates, fold_gates, gate_parameters, load_gates
from rec_assets.errors import BaseModelError


def scramble(model):
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for vector in gate_parameters(model).values():
            vector.copy_(torch.rand(vector.shape, generator=generator) * 2 - 1)


def test_gates_of_one_leave_the_logits_as_they_are(model, inputs):
    before = model(inputs).logits
    add_residual_gates(model, 1.0)
    assert torch.equal(model(inputs).logits, before)
    assert len(gate_parameters(model)) == 6  # three layers, two branches


def test_gates_of_zero_leave_only_the_embeddings(llama, inputs):
    add_residual_gates(llama, 0.0)
    expected = llama.lm_head(llama.model.norm(llama.model.embed_tokens(inputs)))
    torch.testing.assert_close(llama(inputs).logits, expected)


def test_folding_keeps_the_logits_and_removes_the_gates(model, inputs):
    plain = model(inputs).logits
    add_residual_gates(model, 1.0)
    scramble(model)
    gated = model(inputs).logits
    assert not torch.allclose(gated, plain, atol=1e-4)
    names = {name for name, _ in model.named_parameters()}
    fold_gates(model)
    torch.testing.assert_close(model(inputs).logits, gated, rtol=1e-4, atol=1e-5)
    assert gate_parameters(model) == {}
    assert {name for name, _ in model.named_parameters()} == {name for name in names if "_gate" not in name}


def test_a_deep_copy_has_gates_of_its_own(llama, inputs):
    add_residual_gates(llama, 0.5)
    twin = copy.deepcopy(llama)
    before = twin(inputs).logits
    scramble(llama)
    assert torch.equal(twin(inputs).logits, before)
    assert not torch.allclose(llama(inputs).logits, before)


def test_over_adapters_the_gate_multiplies_base_and_adapter_and_everything_trains(llama, inputs):
    wrapped = get_peft_model(llama, LoraConfig(r=2, target_modules="all-linear", task_type="CAUSAL_LM"))
    add_residual_gates(wrapped, 0.3)
    with torch.no_grad():
        for name, parameter in wrapped.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.1, generator=torch.Generator().manual_seed(2))
    wrapped(inputs).logits.pow(2).mean().backward()
    assert all(vector.grad.abs().sum() > 0 for vector in gate_parameters(wrapped).values())
    wrapped.eval()
    gated = wrapped(inputs).logits
    merged = wrapped.merge_and_unload()
    fold_gates(merged)
    torch.testing.assert_close(merged(inputs).logits, gated, rtol=1e-4, atol=1e-5)


def test_gates_travel_by_name(llama, inputs):
    twin = copy.deepcopy(llama)
    for each in (llama, twin):
        add_residual_gates(each, 0.1)
    scramble(llama)
    load_gates(twin, {name: vector.detach() for name, vector in gate_parameters(llama).items()})
    assert torch.equal(twin(inputs).logits, llama(inputs).logits)
    with pytest.raises(BaseModelError, match=r"2\.mlp_gate"):
        load_gates(twin, {name: v for name, v in gate_parameters(llama).items() if name != "2.mlp_gate"})


def test_gates_are_added_once_and_never_folded_into_adapters(llama):
    wrapped = get_peft_model(llama, LoraConfig(r=2, target_modules="all-linear", task_type="CAUSAL_LM"))
    add_residual_gates(wrapped, 0.3)
    with pytest.raises(BaseModelError, match="already"):
        add_residual_gates(wrapped, 0.3)
    with pytest.raises(BaseModelError, match="Merge adapters"):
        fold_gates(wrapped)
