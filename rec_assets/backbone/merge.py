"""Adapters merged into the weights they were trained over, 4-bit or not."""

from typing import Any

from torch import nn

from rec_assets.backbone.quantise import dequantise
from rec_assets.backbone.trim import effective_weight


def merge_adapters(model: Any) -> Any:
    """Replace PEFT's layers by plain ones that compute the same, in place.

    A 4-bit layer becomes a float one: its weight is what it stands for plus the adapter, not that rounded to
    4 bits again.

    Parameters
    ----------
    model
        A causal language model of transformers or PEFT's wrapper of one; a plain model is given back.

    Returns
    -------
    PreTrainedModel
        Without adapters and without 4-bit layers.
    """
    if not hasattr(model, "get_base_model"):
        return model
    inner = model.get_base_model()
    for parent in list(inner.modules()):
        for name, child in list(parent.named_children()):
            if type(getattr(getattr(child, "base_layer", None), "weight", None)).__name__ != "Params4bit":
                continue
            weight, bias = effective_weight(child)
            plain = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None, device="meta")
            plain.weight = nn.Parameter(weight.detach().clone(), requires_grad=False)
            if bias is not None:
                plain.bias = nn.Parameter(bias.detach().clone(), requires_grad=False)
            setattr(parent, name, plain)
    merged = model.merge_and_unload()
    if any(type(module).__name__ == "Linear4bit" for module in merged.modules()):
        dequantise(merged)
    merged.requires_grad_(False)
    return merged.eval()
