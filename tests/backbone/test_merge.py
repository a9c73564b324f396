import pytest
import torch
from peft import LoraConfig, get_peft_model

from rec_assets.backbone.load import load_base
from rec_assets.backbone.merge import merge_adapters


def adapt(model):
    wrapped = get_peft_model(
        model, LoraConfig(task_type="CAUSAL_LM", r=2, target_modules=["q_proj", "up_proj"])
    )
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in wrapped.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.1)
    return wrapped.eval()


@pytest.mark.parametrize("quantised", [False, True])
def test_a_merged_model_computes_what_its_adapters_did(checkpoint, inputs, quantised):
    plain = load_base(checkpoint, quantised=quantised)(inputs).logits
    wrapped = adapt(load_base(checkpoint, quantised=quantised))
    expected = wrapped(inputs).logits.detach()
    merged = merge_adapters(wrapped)
    torch.testing.assert_close(merged(inputs).logits, expected, rtol=1e-3, atol=1e-4)
    assert not torch.allclose(expected, plain, atol=1e-2)
    kinds = {type(module).__name__ for module in merged.modules()}
    assert "Linear4bit" not in kinds
    assert not any(hasattr(module, "base_layer") for module in merged.modules())
    assert not any(parameter.requires_grad for parameter in merged.parameters())


def test_a_merged_model_can_be_saved(checkpoint, inputs, tmp_path):
    merged = merge_adapters(adapt(load_base(checkpoint, quantised=True)))
    merged.save_pretrained(tmp_path / "merged")
    assert torch.equal(load_base(tmp_path / "merged")(inputs).logits, merged(inputs).logits)


def test_a_plain_model_is_given_back(tied):
    assert merge_adapters(tied) is tied
