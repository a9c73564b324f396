"""Four-bit weights: NF4 with double quantisation (QLoRA, arXiv 2305.14314)."""

from typing import Any

import torch
from torch import nn
from transformers import BitsAndBytesConfig

from rec_assets.errors import BaseModelError


def nf4_config(compute: torch.dtype) -> BitsAndBytesConfig:
    """Describe NF4 storage whose products are computed in ``compute``.

    Only linear layers of the decoder are quantised; embeddings, norms and the head stay as they are.
    """
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=compute,
        # FSDP shards parameters of one number format: on GPUs store the 4-bit blocks in that of the rest.
        bnb_4bit_quant_storage=compute if torch.cuda.is_available() else torch.uint8,
    )


def keep_layout(model: nn.Module) -> None:
    """Leave 4-bit weights as they were quantised, on CPUs that multiply bf16 too.

    On those, bitsandbytes rearranges a layer for good when it is first read in evaluation mode. What it then
    computes has no gradient: after the first validation, layers before it would silently stop learning.
    """
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False  # type: ignore[assignment]


def dequantised_weight(linear: Any) -> torch.Tensor:
    """Give the weight (out, in) that a linear layer computes with, in float, whatever it is stored in."""
    weight = linear.weight
    if type(weight).__name__ != "Params4bit":
        return weight.detach()
    import bitsandbytes as bnb  # more than a second to import, and only 4-bit models need it

    return bnb.functional.dequantize_4bit(weight.data, weight.quant_state).to(weight.quant_state.dtype)


def dequantise(model: nn.Module) -> None:
    """Replace every 4-bit linear layer by a plain one with the weight it stands for, in place.

    So an adapter trained over 4-bit weights can be merged into exactly those weights. Call it before PEFT
    wraps the model: PEFT chooses its wrapper by the kind of layer it finds.

    Raises
    ------
    BaseModelError
        When PEFT has wrapped the model already.
    """
    if hasattr(model, "get_base_model"):
        raise BaseModelError("The model is wrapped by PEFT already.", "Dequantise, then load the adapter.")
    import bitsandbytes as bnb  # more than a second to import, and only 4-bit models need it

    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if not isinstance(child, bnb.nn.Linear4bit):
                continue
            weight = dequantised_weight(child)
            plain = nn.Linear(weight.shape[1], weight.shape[0], bias=False, device="meta")
            plain.weight = nn.Parameter(weight, requires_grad=False)
            if child.bias is not None:
                plain.bias = child.bias
            setattr(parent, name, plain)
    forget_quantisation(model)


def forget_quantisation(model: nn.Module) -> None:
    """Remove the traces that make ``save_pretrained`` refuse a model whose weights are plain again."""
    for name in ("hf_quantizer", "quantization_method"):
        if hasattr(model, name):
            delattr(model, name)
    for flag in ("is_quantized", "is_loaded_in_4bit"):
        if hasattr(model, flag):
            setattr(model, flag, False)
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
