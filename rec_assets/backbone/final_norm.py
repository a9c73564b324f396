"""The norm between a decoder's last layer and its head."""

from typing import Any

import torch
from torch import nn

from rec_assets.errors import BaseModelError

_NAMES = ("norm", "ln_f", "final_layernorm", "final_layer_norm", "decoder.final_layer_norm")


def reset_final_norm(decoder: nn.Module) -> nn.Module:
    """Start the final norm anew, in place: a pretrained one is shaped for a head that is no longer there.

    Replaces its weight ``(d,)`` by what multiplies by one, and its bias ``(d,)``, if any, by zeros.

    Raises
    ------
    BaseModelError
        When the decoder has no norm under a known name.
    """
    for name in _NAMES:
        try:
            norm: Any = decoder.get_submodule(name)
        except AttributeError:
            continue
        with torch.no_grad():
            # Gemma's norms multiply by 1 + w.
            norm.weight.fill_(0.0 if "Gemma" in type(norm).__name__ else 1.0)
            if getattr(norm, "bias", None) is not None:
                norm.bias.zero_()
        return norm
    raise BaseModelError(
        f"{type(decoder).__name__} has no final norm under a known name.",
        f"Known names: {', '.join(_NAMES)}. Choose a Llama, Qwen, Mistral, Gemma, Phi, GPT-2 or OPT model.",
    )
