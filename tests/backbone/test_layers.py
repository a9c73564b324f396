import pytest
import torch
from transformers import AutoModelForCausalLM

from rec_assets.backbone.gates import add_residual_gates
from rec_assets.backbone.layers import append_fresh_layers, decoder_layers, keep_layers, randomise_layers
from rec_assets.errors import BaseModelError


def test_kept_layers_are_the_first_and_unchanged(model, inputs):
    first = {name: tensor.clone() for name, tensor in decoder_layers(model)[0].state_dict().items()}
    hidden = model(inputs, output_hidden_states=True).hidden_states[1]
    keep_layers(model, 2)
    assert len(decoder_layers(model)) == model.config.num_hidden_layers == 2
    assert all(
        torch.equal(tensor, first[name]) for name, tensor in decoder_layers(model)[0].state_dict().items()
    )
    assert torch.equal(model(inputs, output_hidden_states=True).hidden_states[1], hidden)


def test_cut_and_extended_models_load_again_with_equal_logits(model, inputs, tmp_path):
    keep_layers(model, 2)
    append_fresh_layers(model, 2, seed=3)
    model.save_pretrained(tmp_path)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32)
    assert loaded.config.num_hidden_layers == 4
    assert torch.equal(loaded(inputs).logits, model(inputs).logits)


def test_fresh_layers_are_seeded_small_and_near_the_identity(llama, inputs):
    append_fresh_layers(llama, 1, seed=3)
    fresh = decoder_layers(llama)[-1]
    weight = fresh.mlp.down_proj.weight
    assert float(weight.detach().std()) == pytest.approx(0.02, rel=0.1)
    assert torch.equal(fresh.input_layernorm.weight, torch.ones(32))
    keep_layers(llama, 3)
    append_fresh_layers(llama, 1, seed=3)
    assert torch.equal(decoder_layers(llama)[-1].mlp.down_proj.weight, weight)
    with torch.no_grad():
        states = llama(inputs, output_hidden_states=True).hidden_states
        before, after = (
            states[-2],
            llama.model.layers[-1](
                states[-2], position_embeddings=llama.model.rotary_emb(states[-2], torch.arange(7)[None])
            ),
        )
    assert float((after - before).norm() / before.norm()) < 0.1


def test_a_fresh_layer_can_be_used_with_a_cache(llama, inputs):
    append_fresh_layers(llama, 1, seed=3)
    whole = llama(inputs).logits[:, -1]
    start = llama(inputs[:, :-1], use_cache=True)
    step = llama(inputs[:, -1:], past_key_values=start.past_key_values).logits[:, -1]
    torch.testing.assert_close(step, whole)


def test_random_layers_keep_the_embeddings(model, inputs):
    embeddings = model.get_input_embeddings().weight.clone()
    before = model(inputs).logits
    randomise_layers(model, seed=3)
    assert torch.equal(model.get_input_embeddings().weight, embeddings)
    assert not torch.allclose(model(inputs).logits, before)
    first = model(inputs).logits
    randomise_layers(model, seed=3)
    assert torch.equal(model(inputs).logits, first)


@pytest.mark.parametrize("count", [0, 4])
def test_impossible_numbers_of_layers_are_refused(llama, count):
    with pytest.raises(BaseModelError, match=f"base_model.layers is {count}, and the model has 3"):
        keep_layers(llama, count)


def test_gates_fit_fresh_layers(llama, inputs):
    append_fresh_layers(llama, 1, seed=3)
    before = llama(inputs).logits
    add_residual_gates(llama, 1.0)
    assert torch.equal(llama(inputs).logits, before)
