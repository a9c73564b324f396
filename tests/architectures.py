"""Tiny models of every architecture family that Couturier knows."""

from collections.abc import Callable
from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    CohereConfig,
    Gemma2Config,
    Gemma3TextConfig,
    GemmaConfig,
    GPT2Config,
    GraniteConfig,
    LlamaConfig,
    MistralConfig,
    Olmo2Config,
    OPTConfig,
    PhiConfig,
    Qwen2Config,
    Qwen3Config,
)

VOCABULARY = 112  # seven whole blocks of 16 rows


def _common(**changes: Any) -> dict[str, Any]:
    common: dict[str, Any] = {
        "vocab_size": VOCABULARY,
        "hidden_size": 32,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "intermediate_size": 48,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
    }
    return common | changes


CONFIGS: dict[str, Callable[[], Any]] = {
    "llama": lambda: LlamaConfig(**_common(tie_word_embeddings=False)),
    "llama-tied": lambda: LlamaConfig(**_common(tie_word_embeddings=True)),
    "qwen2": lambda: Qwen2Config(**_common(num_key_value_heads=2)),
    "qwen3": lambda: Qwen3Config(**_common(num_key_value_heads=2, head_dim=8)),
    "mistral": lambda: MistralConfig(**_common(num_key_value_heads=2)),
    "gemma": lambda: GemmaConfig(**_common(num_key_value_heads=1, head_dim=8)),
    "gemma2": lambda: Gemma2Config(**_common(num_key_value_heads=2, head_dim=8, final_logit_softcapping=2.0)),
    "gemma3": lambda: Gemma3TextConfig(**_common(num_key_value_heads=1, head_dim=8)),
    "phi": lambda: PhiConfig(**_common()),  # its head has a bias
    "granite": lambda: GraniteConfig(**_common(logits_scaling=3.0, residual_multiplier=0.3)),
    "cohere": lambda: CohereConfig(**_common(logit_scale=0.25)),
    "olmo2": lambda: Olmo2Config(**_common()),
    "gpt2": lambda: GPT2Config(
        vocab_size=VOCABULARY, n_embd=32, n_layer=3, n_head=4, bos_token_id=1, eos_token_id=2
    ),
    "opt": lambda: OPTConfig(**_common(ffn_dim=48, word_embed_proj_dim=16)),
}


def build(name: str) -> Any:
    """Make a seeded model whose norms and biases are not at their first values."""
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(CONFIGS[name]()).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    return model
