"""Load the base model from its folder: local files, safetensors, never pickle."""

from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from rec_assets.backbone.attention import Attention
from rec_assets.backbone.quantise import keep_layout, nf4_config
from rec_assets.errors import BaseModelError


def load_base(
    folder: Path,
    *,
    quantised: bool = False,
    dtype: torch.dtype | Literal["auto"] = torch.float32,
    attention: Attention = "auto",
    device: torch.device | None = None,
) -> PreTrainedModel:
    """Load a causal language model in evaluation mode.

    Parameters
    ----------
    folder
        A Hugging Face checkpoint: ``config.json`` and safetensors.
    quantised
        Store the decoder's linear layers in NF4. They are quantised on ``device`` and stay there.
    dtype
        Number format of the weights that are not quantised, and of the products of those that are; auto: the
        checkpoint's own.
    attention
        Attention implementation; ``auto`` lets transformers choose.
    device
        Where to put the model; none: for quantised weights this process's GPU if there is one, else the CPU.

    Raises
    ------
    BaseModelError
        When the folder, its weights or the attention implementation are missing.
    """
    check_folder(folder)
    options: dict[str, Any] = {} if attention == "auto" else {"attn_implementation": attention}
    if quantised:
        options["quantization_config"] = nf4_config(torch.float32 if dtype == "auto" else dtype)
        options["device_map"] = {"": device or _own_device()}
    try:
        model = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=dtype,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            **options,
        )
    except (ImportError, OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise BaseModelError(
            f"The base model in {folder} could not be loaded: {first_line(error)}",
            "Rebuild it with `couturier stage base_model`; for attention, set training.attention to auto.",
        ) from error
    model.eval()
    keep_layout(model)
    return model if quantised or device is None else model.to(device)


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """Load the tokenizer that lies beside a model.

    Raises
    ------
    BaseModelError
        When the folder holds no tokenizer.
    """
    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise BaseModelError(
            f"{folder} holds no tokenizer that transformers can read: {first_line(error)}",
            "Put tokenizer.json beside the weights.",
        ) from error


def check_folder(folder: Path) -> None:
    """Refuse a folder without configuration or safetensors weights.

    Raises
    ------
    BaseModelError
        Naming what is missing.
    """
    if not (folder / "config.json").exists():
        raise BaseModelError(f"{folder} holds no config.json.", "Run `couturier stage base_model` first.")
    if not any(folder.glob("*.safetensors")):
        raise BaseModelError(
            f"{folder} holds no safetensors weights.",
            "Run `couturier stage base_model` again; weights in pickle files (.bin, .pt) are never loaded.",
        )


def first_line(error: Exception) -> str:
    """Give the first line of an error's text, for a message that fits on a screen."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _own_device() -> torch.device:
    if not torch.cuda.is_available():
        return torch.device("cpu")
    from accelerate import PartialState  # starts process groups: only where a GPU makes it matter

    return PartialState().device
