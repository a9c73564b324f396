"""What a pass is spared is what nobody reads: states stay, and one token a row is fed forward last."""

from pathlib import Path

import pytest
import torch
from torch import nn
from transformers import (
    Gemma3TextConfig,
    GPT2Config,
    LlamaConfig,
    MixtralConfig,
    OPTConfig,
    PhiConfig,
    PretrainedConfig,
    Qwen2Config,
)

from rec_assets.backbone.layers import decoder_layers
from rec_assets.params import Training
from rec_assets.recommender.build import Recipe, build
from rec_assets.recommender.last_token import last_feed_forward, last_token_alone
from rec_assets.recommender.model import SkuLanguageModel

SIZES = {"hidden_size": 16, "num_attention_heads": 2, "num_hidden_layers": 2, "vocab_size": 50}
FEED = {"intermediate_size": 24}
CONFIGS: dict[str, PretrainedConfig] = {
    "llama": LlamaConfig(**SIZES, **FEED),
    "qwen2": Qwen2Config(**SIZES, **FEED, num_key_value_heads=1),
    "gemma3": Gemma3TextConfig(**SIZES, **FEED, head_dim=8, num_key_value_heads=1),
    "gpt2": GPT2Config(n_embd=16, n_head=2, n_layer=2, vocab_size=50),
    "mixtral": MixtralConfig(**SIZES, **FEED, num_key_value_heads=1, num_local_experts=3),
    "phi": PhiConfig(**SIZES, **FEED),
    "opt": OPTConfig(**SIZES, ffn_dim=24, word_embed_proj_dim=16),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_states_are_those_of_a_whole_pass(name: str) -> None:
    from transformers import AutoModelForCausalLM

    torch.manual_seed(1)
    causal = AutoModelForCausalLM.from_config(CONFIGS[name]).eval()
    decoder = causal.get_decoder()
    model = SkuLanguageModel(decoder, nn.Module(), dropout=0.0, candidates=None)  # type: ignore[arg-type]
    ids, last = torch.randint(0, 50, (3, 6)), torch.tensor([5, 0, 3])
    row = torch.arange(3)
    with torch.no_grad():
        whole = decoder(input_ids=ids, use_cache=False).last_hidden_state[row, last]
        with last_token_alone(model, ids, last):
            spared = decoder(input_ids=ids, use_cache=False).last_hidden_state
        again = decoder(input_ids=ids, use_cache=False).last_hidden_state[row, last]
    torch.testing.assert_close(spared[row, last], whole)
    assert torch.equal(again, whole)  # nothing stays behind
    assert (last_feed_forward(decoder) is None) == (name == "opt")


def test_layers_and_branches_feed_one_token_of_a_row(tiny_base: Path, vocabulary: Path) -> None:
    model = build(tiny_base, vocabulary, Recipe(Training(method="full"), seed=1)).eval()
    assert isinstance(model, SkuLanguageModel)
    words = model.words
    ids = torch.tensor([[1, words, 5, words + 2, 7], [1, 3, words + 1, 2, 2]])
    last = torch.tensor([4, 2])
    seen: list[torch.Size] = []
    for decoder in (model.decoder, *(branch.decoder for branch in model.branches)):
        part = decoder_layers(decoder)[-1].mlp
        part.act_fn.register_forward_hook(lambda _, inputs, output: seen.append(output.shape[:2]))
    whole = model.last_states(ids, last)
    tokens = sum(size.numel() for size in seen)
    seen.clear()
    with last_token_alone(model, ids, last):
        spared = model.last_states(ids, last)
    torch.testing.assert_close(spared, whole)
    assert seen == [torch.Size([2, 1])] * 3
    assert tokens > 6
