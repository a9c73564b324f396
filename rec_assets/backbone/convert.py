"""From GGUF to a plain checkpoint: safetensors, ``config.json`` and ``tokenizer.json``."""

import json
import struct
from pathlib import Path
from typing import Any

import torch
import transformers
from tqdm import tqdm

from rec_assets.backbone.fetch import cache_folder
from rec_assets.backbone.load import first_line
from rec_assets.backbone.quantise import forget_quantisation
from rec_assets.errors import BaseModelError
from rec_assets.files import atomic_folder, one_at_a_time, read_json, write_json

MARKER = "converted.json"

# What transformers and gguf raise on a file that is damaged, or of an architecture they do not know.
_UNREADABLE = (ValueError, KeyError, IndexError, OSError, NotImplementedError, ImportError, struct.error)


def converted_folder(name: str, sha256: str) -> Path:
    """Say where the conversion of the GGUF with this checksum lies in the cache."""
    return cache_folder() / "converted" / f"{name}-{sha256[:12]}"


def convert_gguf(gguf: Path, name: str, sha256: str) -> Path:
    """Dequantise a GGUF file to float32, once.

    Parameters
    ----------
    gguf
        The file.
    name
        What to call it in the cache.
    sha256
        Its checksum, verified by the caller.

    Returns
    -------
    Path
        A folder that ``from_pretrained`` loads. It is made anew when the version of transformers changed.

    Raises
    ------
    BaseModelError
        When transformers cannot read the architecture.
    """
    final = converted_folder(name, sha256)
    marker = {"sha256": sha256, "transformers": transformers.__version__}
    if _is_converted(final, marker):
        return final
    with one_at_a_time(final):
        if not _is_converted(final, marker):
            _convert(gguf, name, final, marker)
    return final


def _is_converted(final: Path, marker: dict[str, str]) -> bool:
    return (final / MARKER).exists() and read_json(final / MARKER) == marker


def _convert(gguf: Path, name: str, final: Path, marker: dict[str, str]) -> None:
    with (
        tqdm(total=3, desc=f"convert {name} (once, about a minute)", unit="step") as bar,
        atomic_folder(final) as part,
    ):
        try:
            model = transformers.AutoModelForCausalLM.from_pretrained(
                gguf.parent, gguf_file=gguf.name, dtype=torch.float32, local_files_only=True
            )
            bar.update()
            tokenizer = transformers.AutoTokenizer.from_pretrained(
                gguf.parent, gguf_file=gguf.name, local_files_only=True
            )
            bar.update()
        except _UNREADABLE as error:
            raise BaseModelError(
                f"{gguf.name} cannot be converted: {first_line(error)}",
                "Take the model's safetensors folder instead, and set base_model.source to it.",
            ) from error
        forget_quantisation(model)
        save_plain(model, tokenizer, part)
        write_json(marker, part / MARKER)
        bar.update()


def save_plain(model: Any, tokenizer: Any, folder: Path) -> None:
    """Write a checkpoint whose bytes depend on the model alone, readable by everyone.

    The name it was loaded from, paths and the way of loading are left out.
    """
    model.config.name_or_path = ""
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    for name, keys in (
        ("config.json", ("_model_name_or_path", "_name_or_path")),
        ("tokenizer_config.json", ("is_local", "local_files_only", "name_or_path")),
    ):
        content = json.loads((folder / name).read_text())
        write_json({key: value for key, value in content.items() if key not in keys}, folder / name)
    for file in folder.iterdir():
        file.chmod(0o644)
