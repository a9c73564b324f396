"""A tiny language model and a catalogue whose categories its titles name."""

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from rec_assets.files import write_table
from rec_assets.workspace import Workspace

CATEGORIES = ("Belts", "Coats", "Trousers")
COLOURS = ("black", "red", "white", "green")


@pytest.fixture(scope="session")
def tokenizer() -> Any:
    """A tokenizer in which every word of the catalogue is one token."""
    plain = Tokenizer(models.BPE(unk_token="<unk>"))
    plain.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.BpeTrainer(vocab_size=160, special_tokens=["<pad>", "<s>", "</s>", "<unk>"])
    words = [
        f"{colour} {category} {category.lower()} This garment is a no 0123456789 ."
        for colour in COLOURS
        for category in CATEGORIES
    ]
    plain.train_from_iterator(words * 3, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=plain, bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>"
    )


@pytest.fixture
def model(tokenizer: Any) -> Any:
    """A seeded two-layer Llama."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=48,
        initializer_range=0.3,
    )
    return LlamaForCausalLM(config).eval()


@pytest.fixture(scope="session")
def articles() -> pd.DataFrame:
    """Ninety titled garments of three categories, and what a real catalogue adds to them."""
    striped = list(itertools.product(COLOURS, repeat=3))  # every garment has a title of its own
    random = np.random.default_rng(7).permutation(len(striped))
    rows = [
        {"title": f"{' '.join(striped[random[i // 3]])} {CATEGORIES[i % 3]}", "category": CATEGORIES[i % 3]}
        for i in range(90)
    ]
    rows += [
        {"title": "black Coats", "category": None},
        {"title": "red Belts", "category": "unknown"},
        {"title": None, "category": "Belts"},
        {"title": "one hat", "category": "Hats"},
    ]
    frame = pd.DataFrame(rows)
    frame.insert(0, "sku", [f"S{i}" for i in range(len(frame))])
    frame["description"] = None
    return frame


@pytest.fixture
def shop(workspace: Workspace, model: Any, tokenizer: Any, articles: pd.DataFrame) -> Workspace:
    """A workspace with validated articles and a base model."""
    write_table(articles, workspace.validated / "articles.parquet")
    model.save_pretrained(workspace.base_model)
    tokenizer.save_pretrained(workspace.base_model)
    return workspace
