"""Tiny models of every architecture family, and a tokenizer, defined here."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import (
    AutoModelForCausalLM,
    CohereConfig,
    Gemma2Config,
    Gemma3TextConfig,
    GPT2Config,
    GraniteConfig,
    LlamaConfig,
    MistralConfig,
    Olmo2Config,
    OPTConfig,
    PhiConfig,
    PreTrainedTokenizerFast,
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


@pytest.fixture(params=sorted(CONFIGS))
def model(request: pytest.FixtureRequest) -> Any:
    """One tiny model of each architecture."""
    return build(request.param)


@pytest.fixture
def llama() -> Any:
    """A tiny Llama with an untied head."""
    return build("llama")


@pytest.fixture
def tied() -> Any:
    """A tiny Llama whose head is its embedding table."""
    return build("llama-tied")


@pytest.fixture
def inputs() -> torch.Tensor:
    """Two rows of seven tokens."""
    return torch.randint(3, VOCABULARY, (2, 7), generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="session")
def tokenizer() -> Any:
    """A byte-pair tokenizer learnt from one sentence."""
    plain = Tokenizer(models.BPE(unk_token="<unk>"))
    plain.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY, special_tokens=["<pad>", "<s>", "</s>", "<unk>"])
    plain.train_from_iterator(["a soft red dress and blue wool trousers with a black belt"] * 3, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=plain, bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>"
    )


@pytest.fixture
def checkpoint(tmp_path: Path, tied: Any, tokenizer: Any) -> Path:
    """A folder with a tiny checkpoint, as a user would have it."""
    folder = tmp_path / "tiny"
    tied.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
