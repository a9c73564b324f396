"""A tiny model of every architecture, and a tokenizer."""

from pathlib import Path
from typing import Any

import pytest
import torch
from architectures import CONFIGS, VOCABULARY, build
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast


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
