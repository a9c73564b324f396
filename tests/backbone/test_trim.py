import bitsandbytes as bnb
import numpy as np
import pytest
import torch
from architectures import EXPERTS, build
from peft import LoraConfig, get_peft_model
from torch import nn

from rec_assets.backbone.quantise import keep_layout
from rec_assets.backbone.trim import LogitScaling, TrimmedDecoder, trim_decoder
from rec_assets.errors import BaseModelError

IDS = [5, 90, 3, 41, 7]


def hidden_of(model, inputs):
    seen = []
    handle = model.get_output_embeddings().register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    logits = model(inputs).logits
    handle.remove()
    return seen[0], logits


def test_kept_logits_are_bit_equal_to_the_full_heads(model, inputs):
    decoder = trim_decoder(model, IDS)
    hidden, logits = hidden_of(model, inputs)
    assert decoder.weight.shape == (5, hidden.shape[-1])
    assert torch.equal(decoder(hidden), logits[..., IDS])


@pytest.mark.parametrize("name", sorted(EXPERTS))
def test_bit_equality_holds_for_models_of_experts(name, inputs):
    model = build(name)
    hidden, logits = hidden_of(model, inputs)
    assert torch.equal(trim_decoder(model, IDS)(hidden), logits[..., IDS])


def four_bit(head):
    stored = bnb.nn.Linear4bit(32, 112, bias=False, quant_type="nf4", compute_dtype=torch.float32)
    keep_layout(stored)
    stored.weight = bnb.nn.Params4bit(head.weight.data.clone(), requires_grad=False, quant_type="nf4")
    return stored.to("cpu")


def test_a_four_bit_head_is_dequantised_to_what_it_computes(llama, inputs):
    plain = trim_decoder(llama, IDS).weight.clone()
    llama.lm_head = four_bit(llama.lm_head)
    hidden, logits = hidden_of(llama, inputs)
    decoder = trim_decoder(llama, IDS)
    torch.testing.assert_close(decoder(hidden), logits[..., IDS], rtol=1e-5, atol=1e-5)
    assert not torch.equal(decoder.weight, plain)


def test_an_integer_head_is_refused_with_its_cure(llama):
    stored = bnb.nn.Linear8bitLt(32, 112, bias=False, has_fp16_weights=False)
    stored.weight = bnb.nn.Int8Params(
        llama.lm_head.weight.data.clone(), requires_grad=False, has_fp16_weights=False
    )
    llama.lm_head = stored.to("cpu")
    llama(torch.tensor([[3]]))  # quantised on first use
    with pytest.raises(BaseModelError, match="llm_int8_skip_modules"):
        trim_decoder(llama, IDS)


@pytest.mark.parametrize("tokens", [[5, 7], {"embed_tokens": [5, 7]}])
def test_trained_tokens_of_a_tied_table_are_in_its_head_too(tied, inputs, tokens):
    plain = trim_decoder(tied, IDS).weight.clone()
    adapter = LoraConfig(
        task_type="CAUSAL_LM", r=2, target_modules=["q_proj"], trainable_token_indices=tokens
    )
    wrapped = get_peft_model(tied, adapter).eval()
    with torch.no_grad():
        for parameter in wrapped.parameters():
            if parameter.requires_grad:
                parameter.add_(0.1)
    hidden, logits = hidden_of(wrapped.get_base_model(), inputs)
    decoder = trim_decoder(wrapped, IDS)
    assert torch.equal(decoder(hidden), logits[..., IDS])
    moved = (decoder.weight != plain).any(dim=1)
    assert moved.tolist() == [token in (5, 7) for token in IDS]


@pytest.mark.parametrize("count", [1, 2, 15, 16, 17, 100])
def test_bit_equality_holds_for_any_number_of_tokens_and_rows(tied, count):
    ids = torch.randperm(112, generator=torch.Generator().manual_seed(count))[:count]
    decoder = trim_decoder(tied, ids)
    for rows in (1, 2, 33):
        hidden = torch.randn(rows, 32, generator=torch.Generator().manual_seed(rows))
        assert torch.equal(decoder(hidden), tied.lm_head(hidden)[:, ids])


@pytest.mark.parametrize("threads", [1, 2])
def test_bit_equality_holds_for_a_wide_head_on_two_threads(threads):
    before = torch.get_num_threads()
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(4096, 576, generator=generator)
    try:
        torch.set_num_threads(threads)
        for rows in (4, 8, 15, 64):
            hidden = torch.randn(rows, 576, generator=generator)
            full = nn.functional.linear(hidden, weight)
            for count in (17, 33, 100):
                ids = torch.randperm(4096, generator=generator)[:count]
                decoder = TrimmedDecoder(weight[ids], None, ids, LogitScaling(), 4096)
                assert torch.equal(decoder(hidden), full[:, ids])
    finally:
        torch.set_num_threads(before)


def test_an_active_adapter_that_leaves_the_head_alone_adds_nothing(llama, inputs):
    plain = trim_decoder(llama, IDS).weight.clone()
    own = {"target_modules": ["lm_head"], "r": 2, "init_lora_weights": False}
    wrapped = get_peft_model(llama, LoraConfig(task_type="CAUSAL_LM", **own), "first").eval()
    wrapped.add_adapter("second", LoraConfig(task_type="CAUSAL_LM", r=2, target_modules=["q_proj"]))
    assert not torch.equal(trim_decoder(wrapped, IDS).weight, plain)
    wrapped.set_adapter("second")
    hidden, logits = hidden_of(wrapped.get_base_model(), inputs)
    decoder = trim_decoder(wrapped, IDS)
    assert torch.equal(decoder.weight, plain)
    assert torch.equal(decoder(hidden), logits[..., IDS])


def test_a_retrained_head_of_another_adapter_is_left_out(llama):
    plain = trim_decoder(llama, IDS).weight.clone()
    own = {"target_modules": ["q_proj"], "r": 2}
    retrained = LoraConfig(task_type="CAUSAL_LM", modules_to_save=["lm_head"], **own)
    wrapped = get_peft_model(llama, retrained, "first").eval()
    with torch.no_grad():
        wrapped.get_base_model().lm_head.modules_to_save["first"].weight.add_(0.1)
    wrapped.add_adapter("second", LoraConfig(task_type="CAUSAL_LM", **own))
    assert not torch.equal(trim_decoder(wrapped, IDS).weight, plain)
    wrapped.set_adapter("second")
    assert torch.equal(trim_decoder(wrapped, IDS).weight, plain)


def test_the_copy_is_independent_of_a_tied_table_and_trains_alone(tied):
    table = tied.get_input_embeddings().weight.clone()
    decoder = trim_decoder(tied, IDS)
    assert torch.equal(decoder.weight, table[IDS])
    decoder(torch.ones(2, 32)).sum().backward()
    assert decoder.weight.grad.abs().sum() > 0
    with torch.no_grad():
        decoder.weight.zero_()
    assert torch.equal(tied.get_input_embeddings().weight, table)


def test_the_report_counts_rows_parameters_and_bytes(tied):
    assert trim_decoder(tied, IDS).report() == {
        "rows_before": 112,
        "rows_after": 5,
        "parameters_before": 112 * 32,
        "parameters_after": 5 * 32,
        "bytes_before": 112 * 32 * 4,
        "bytes_after": 5 * 32 * 4,
    }


def test_a_four_bit_head_is_counted_as_it_is_stored(llama, tmp_path):
    # two numbers a byte, and the scales and tables beside them
    llama.lm_head = four_bit(llama.lm_head)
    decoder = trim_decoder(llama, IDS)
    stored = decoder.report()["bytes_before"]
    assert 112 * 16 < stored < 112 * 32
    assert decoder.report()["parameters_before"] == 112 * 32
    decoder.save(tmp_path)
    assert TrimmedDecoder.load(tmp_path).report() == decoder.report()


def test_a_folder_is_named_by_a_path_or_a_word_and_made(tied, tmp_path):
    decoder = trim_decoder(tied, IDS)
    for folder in (tmp_path / "new" / "path", str(tmp_path / "word")):
        decoder.save(folder)
        assert torch.equal(TrimmedDecoder.load(folder).weight, decoder.weight)


@pytest.mark.parametrize("file", ["decoder.safetensors", "decoder.json"])
def test_a_damaged_file_is_refused(tied, tmp_path, file):
    trim_decoder(tied, IDS).save(tmp_path)
    (tmp_path / file).write_bytes((tmp_path / file).read_bytes()[:20])
    with pytest.raises(BaseModelError, match="could not be read"):
        TrimmedDecoder.load(tmp_path)
    (tmp_path / file).unlink()
    with pytest.raises(BaseModelError, match="could not be read"):
        TrimmedDecoder.load(tmp_path)


def test_it_answers_with_the_same_bits_after_a_round_trip(model, inputs, tmp_path):
    decoder = trim_decoder(model, IDS)
    decoder.save(tmp_path)
    hidden, _ = hidden_of(model, inputs)
    again = TrimmedDecoder.load(tmp_path)
    assert torch.equal(again(hidden), decoder(hidden))
    assert again.token_ids.tolist() == IDS
    assert again.report() == decoder.report()
    assert not list(tmp_path.glob("*.bin"))


@pytest.mark.parametrize(
    "adapter",
    [
        {"target_modules": ["lm_head", "q_proj"], "r": 2},
        {"target_modules": ["q_proj"], "r": 2, "modules_to_save": ["lm_head"]},
        {
            "target_modules": ["q_proj"],
            "r": 2,
            "trainable_token_indices": {"lm_head": [5, 7], "embed_tokens": [5]},
        },
    ],
    ids=["low-rank head", "retrained head", "trained tokens"],
)
def test_adapters_on_the_head_are_included_as_they_are_active(llama, inputs, adapter):
    plain = trim_decoder(llama, IDS).weight.clone()
    wrapped = get_peft_model(llama, LoraConfig(task_type="CAUSAL_LM", **adapter)).eval()
    with torch.no_grad():
        for parameter in wrapped.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.1)
    hidden, logits = hidden_of(wrapped.get_base_model(), inputs)
    decoder = trim_decoder(wrapped, IDS)
    torch.testing.assert_close(decoder(hidden), logits[..., IDS], rtol=1e-4, atol=1e-4)
    assert not torch.allclose(decoder.weight, plain)
    with wrapped.disable_adapter():
        assert torch.allclose(trim_decoder(wrapped, IDS).weight, plain)


@pytest.mark.parametrize(("ids", "words"), [([], "no token"), ([3, 112], "3 to 112"), ([-1], "-1")])
def test_tokens_that_the_head_lacks_are_refused(tied, ids, words):
    with pytest.raises(BaseModelError, match=words):
        trim_decoder(tied, ids)


@pytest.mark.parametrize(
    "ids",
    [[[5, 7], [3, 9]], [5.0, 7.0], torch.tensor([5.0]), torch.ones(112, dtype=torch.bool), [True], 5],
    ids=["table", "fractions", "fractions of torch", "mask", "answers", "number"],
)
def test_what_is_no_list_of_tokens_is_refused(tied, ids):
    with pytest.raises(BaseModelError, match="list of whole numbers"):
        trim_decoder(tied, ids)


def test_ids_may_be_an_array_of_any_whole_numbers(tied):
    for ids in (np.array(IDS, np.int32), torch.tensor(IDS, dtype=torch.int32), tuple(IDS)):
        assert trim_decoder(tied, ids).token_ids.tolist() == IDS


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_a_model_without_a_head_is_refused(name):
    with pytest.raises(BaseModelError, match="no vocabulary head"):
        trim_decoder(build(name).base_model, IDS)


def test_a_model_that_scores_otherwise_is_refused(tied):
    class Doubled(nn.Linear):
        def forward(self, hidden):
            return 2 * super().forward(hidden)

    tied.lm_head = Doubled(32, 112, bias=False)
    with pytest.raises(BaseModelError, match="does not score"):
        trim_decoder(tied, IDS)


def test_training_mode_survives(tied):
    tied.train()
    trim_decoder(tied, IDS)
    assert all(module.training for module in tied.modules())
