"""Decoder layers: found, cut, and added, whatever the architecture calls them."""

from typing import Any

import torch
from torch import nn
from torch.distributed.fsdp import FullyShardedDataParallel

from rec_assets.backbone.final_norm import reset_final_norm
from rec_assets.errors import BaseModelError

FRESH_STD = 0.02

# Lists in a transformers configuration that hold one entry per decoder layer.
_PER_LAYER_LISTS = ("layer_types", "mlp_layer_types", "no_rope_layers")


def plain_model(model: Any) -> Any:
    """Give the transformers model inside a PEFT wrapper, or the model itself."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def decoder_layers(model: nn.Module) -> nn.ModuleList:
    """Find the list of decoder layers.

    Parameters
    ----------
    model
        A causal language model of transformers, or PEFT's wrapper of one.

    Raises
    ------
    BaseModelError
        When no module list, or more than one, has as many entries as the configuration has layers.
    """
    inner = plain_model(model)
    count = inner.config.get_text_config().num_hidden_layers
    decoder = inner.get_decoder()
    found = [
        child
        for module in decoder.modules()
        for child in module.children()
        if isinstance(child, nn.ModuleList) and len(child) == count and _has_attention(child[0])
    ]
    if len(found) != 1:
        raise BaseModelError(
            f"{type(inner).__name__} has {len(found)} lists of {count} decoder layers; one was expected.",
            "Choose a decoder-only language model: Llama, Qwen, Mistral, Gemma, Phi, GPT-2, OPT.",
        )
    return found[0]


def keep_layers(model: nn.Module, count: int) -> None:
    """Drop every decoder layer after the first ``count``, in place.

    Replaces the layer list's entries and the configuration's number of layers; no tensor changes.

    Raises
    ------
    BaseModelError
        When the model has fewer than ``count`` layers, or ``count`` is not positive.
    """
    layers = decoder_layers(model)
    if not 1 <= count <= len(layers):
        raise BaseModelError(
            f"base_model.layers is {count}, and the model has {len(layers)}.",
            f"Set base_model.layers between 1 and {len(layers)}, or to null for all.",
        )
    config = plain_model(model).config.get_text_config()
    _resize_per_layer_lists(config, count)
    del layers[count:]
    config.num_hidden_layers = count


def append_fresh_layers(model: nn.Module, count: int, seed: int) -> None:
    """Add ``count`` randomly initialised decoder layers after the existing ones, in place.

    Matrices have s.d. 0.02, biases are zero and norms one, so a fresh layer starts near the identity.
    The new layers take the device, number format and attention type of the last existing layer.

    Parameters
    ----------
    model
        A causal language model; add layers before wrapping it with PEFT, and before adding gates.
    count
        Layers to add; 0 changes nothing.
    seed
        Seed of the weights.
    """
    layers = decoder_layers(model)
    config = plain_model(model).config.get_text_config()
    start = len(layers)
    _resize_per_layer_lists(config, start + count)
    generator = torch.Generator().manual_seed(seed)
    for index in range(start, start + count):
        layers.append(fresh_layer(layers[start - 1], config, index, generator))
    config.num_hidden_layers = start + count


def randomise_layers(model: nn.Module, seed: int) -> None:
    """Replace all decoder layers by fresh ones and reset the final norm, keeping the embeddings."""
    layers = decoder_layers(model)
    inner = plain_model(model)
    generator = torch.Generator().manual_seed(seed)
    for index, layer in enumerate(layers):
        layers[index] = fresh_layer(layer, inner.config.get_text_config(), index, generator)
    reset_final_norm(inner.get_decoder())


def fresh_layer(like: nn.Module, config: Any, index: int, generator: torch.Generator) -> nn.Module:
    """Build one random decoder layer of the class, device and number format of ``like``."""
    layer: nn.Module = type(like)(config, layer_idx=index)
    for name, parameter in layer.named_parameters():
        with torch.no_grad():
            if parameter.ndim > 1:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * FRESH_STD)
            elif name.endswith("bias"):
                parameter.zero_()
            # Other vectors belong to norms, whose constructors start them at one (or at zero, for 1 + w).
    floating = next(p for p in like.parameters() if p.is_floating_point())
    layer.train(like.training)
    return layer.to(device=floating.device, dtype=floating.dtype)


def _has_attention(layer: nn.Module) -> bool:
    plain = layer.module if isinstance(layer, FullyShardedDataParallel) else layer
    return any("attn" in name or "attention" in name for name, _ in plain.named_children())


def _resize_per_layer_lists(config: Any, count: int) -> None:
    for name in _PER_LAYER_LISTS:
        entries = getattr(config, name, None)
        if isinstance(entries, list) and entries:
            # A type that none of the kept layers has may lack its rotary table: repeat the last one.
            setattr(config, name, (entries + entries[-1:] * max(0, count - len(entries)))[:count])
