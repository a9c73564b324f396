"""Tiny models of every architecture family that Couturier knows."""

from collections.abc import Callable
from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    Cohere2Config,
    CohereConfig,
    Gemma2Config,
    Gemma3TextConfig,
    GemmaConfig,
    GPT2Config,
    GraniteConfig,
    LlamaConfig,
    MistralConfig,
    MixtralConfig,
    Olmo2Config,
    OPTConfig,
    Phi3Config,
    PhiConfig,
    Qwen2Config,
    Qwen3Config,
    Qwen3MoeConfig,
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
    "qwen2-tied": lambda: Qwen2Config(**_common(num_key_value_heads=2, tie_word_embeddings=True)),
    "qwen3": lambda: Qwen3Config(**_common(num_key_value_heads=2, head_dim=8)),
    "mistral": lambda: MistralConfig(**_common(num_key_value_heads=2)),
    "gemma": lambda: GemmaConfig(**_common(num_key_value_heads=1, head_dim=8)),
    "gemma2": lambda: Gemma2Config(**_common(num_key_value_heads=2, head_dim=8, final_logit_softcapping=2.0)),
    "gemma3": lambda: Gemma3TextConfig(**_common(num_key_value_heads=1, head_dim=8)),
    "gemma3-softcap": lambda: Gemma3TextConfig(
        **_common(num_key_value_heads=1, head_dim=8, final_logit_softcapping=1.5)
    ),
    "phi": lambda: PhiConfig(**_common()),  # its head has a bias
    "phi3": lambda: Phi3Config(**_common(num_key_value_heads=2)),
    "granite": lambda: GraniteConfig(**_common(logits_scaling=3.0, residual_multiplier=0.3)),
    "cohere": lambda: CohereConfig(**_common(logit_scale=0.25)),
    "cohere2": lambda: Cohere2Config(**_common(logit_scale=0.25, num_key_value_heads=2)),
    "olmo2": lambda: Olmo2Config(**_common()),
    "gpt2": lambda: GPT2Config(
        vocab_size=VOCABULARY, n_embd=32, n_layer=3, n_head=4, bos_token_id=1, eos_token_id=2
    ),
    "opt": lambda: OPTConfig(**_common(ffn_dim=48, word_embed_proj_dim=16)),
}

# Models whose layers mix experts: they are read and trimmed, but their branches take no gates.
EXPERTS: dict[str, Callable[[], Any]] = {
    "mixtral": lambda: MixtralConfig(
        **_common(num_key_value_heads=2, num_local_experts=3, num_experts_per_tok=2)
    ),
    "qwen3_moe": lambda: Qwen3MoeConfig(
        **_common(num_key_value_heads=2, num_experts=3, num_experts_per_tok=2, moe_intermediate_size=24)
    ),
}


def without_gates(name: str) -> dict[str, None]:
    """Give the setting that a base needs beside the defaults."""
    return {"gate": None} if name in EXPERTS else {}


def build(name: str) -> Any:
    """Make a seeded model whose norms and biases are not at their first values."""
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config((CONFIGS | EXPERTS)[name]()).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    return model
