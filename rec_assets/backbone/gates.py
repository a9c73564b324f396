r"""Learnable gates on the residual branches of a decoder.

Each decoder layer adds an attention branch and an MLP branch to its residual stream. A gate multiplies a
branch, channel by channel: :math:`x \leftarrow x + g \odot f(x)`. Started small, it lets a few pretrained
layers begin near the identity instead of swamping the vectors that enter them (compare ReZero, arXiv
2003.04887, and LayerScale, arXiv 2103.17239).
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torch import nn

from rec_assets.backbone.layers import decoder_layers, plain_model
from rec_assets.errors import BaseModelError

ATTENTION_GATE = "attention_gate"
MLP_GATE = "mlp_gate"

# Where a branch ends, most specific first. Gemma 2/3 and OLMo 2 normalise the branch after its projection, so
# only the norm's output can be gated.
_NORMALISED = {ATTENTION_GATE: "post_attention_layernorm", MLP_GATE: "post_feedforward_layernorm"}
_PROJECTIONS = {
    ATTENTION_GATE: (
        "self_attn.o_proj",  # Llama, Mistral, Qwen, Gemma 1, Phi-3, Granite, Cohere
        "self_attn.out_proj",  # OPT
        "self_attn.dense",  # Phi
        "attn.c_proj",  # GPT-2
        "attention.dense",  # GPT-NeoX
    ),
    MLP_GATE: ("mlp.down_proj", "fc2", "mlp.fc2", "mlp.c_proj", "mlp.dense_4h_to_h"),
}


class ResidualGate(nn.Module):
    """One gate vector, applied to the output of the module that ends a branch.

    Parameters
    ----------
    width
        Channels of the residual stream, d.
    start
        First value of every channel.
    """

    def __init__(self, width: int, start: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((width,), float(start)))

    def forward(self, output: torch.Tensor) -> torch.Tensor:
        """Multiply a branch's output (..., d)."""
        return output * self.weight.to(output.dtype)


def _gate_output(
    layer: nn.Module, name: str, module: nn.Module, inputs: Any, output: torch.Tensor
) -> torch.Tensor:
    """Call the gate where it stands: FSDP may have wrapped it since, and gathers it only for a call."""
    gated: torch.Tensor = getattr(layer, name)(output)
    return gated


def add_residual_gates(model: nn.Module, start: float) -> None:
    """Gate both branches of every decoder layer, in place.

    Adds two parameters of shape (d,) to each layer, ``attention_gate.weight`` and ``mlp_gate.weight``,
    trainable and in float32. No existing tensor changes. Works over 4-bit layers. Call it after PEFT has
    wrapped the model: then the gate multiplies the sum of the base projection and its adapter.

    Parameters
    ----------
    model
        A causal language model, or PEFT's wrapper of one.
    start
        First value of the gates; 1 leaves the logits as they are.

    Raises
    ------
    BaseModelError
        When the model has gates already, or a branch's last module is not known.
    """
    width = _width(model)
    for layer in decoder_layers(model):
        if hasattr(layer, ATTENTION_GATE):
            raise BaseModelError("The model has residual gates already.", "Add them once, after PEFT.")
        for name in (ATTENTION_GATE, MLP_GATE):
            gate = ResidualGate(width, start)
            gate.to(next(layer.parameters()).device)
            setattr(layer, name, gate)
            # A partial, not a closure: a deep copy of the model then gets hooks on its own gates.
            _branch_end(layer, name).register_forward_hook(partial(_gate_output, layer, name))


def gates(model: nn.Module) -> Iterator[tuple[str, ResidualGate]]:
    """Yield every gate with its name: ``0.attention_gate``, ``0.mlp_gate``, ``1.attention_gate``, ..."""
    for index, layer in enumerate(decoder_layers(model)):
        for name in (ATTENTION_GATE, MLP_GATE):
            if (gate := getattr(layer, name, None)) is not None:
                yield f"{index}.{name}", gate


def gate_parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    """Gate vectors, each (d,), by name; empty for a model without gates."""
    return {name: gate.weight for name, gate in gates(model)}


def load_gates(model: nn.Module, vectors: dict[str, torch.Tensor]) -> None:
    """Set the gates of a model that has them from :func:`gate_parameters` of another.

    Raises
    ------
    BaseModelError
        When the names differ.
    """
    parameters = gate_parameters(model)
    if parameters.keys() != vectors.keys():
        missing = sorted(parameters.keys() ^ vectors.keys())
        raise BaseModelError(
            f"The saved gates do not fit the model: {', '.join(missing)} on one side only.",
            "Load them into a model with the same number of layers, after add_residual_gates.",
        )
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(vectors[name])


def fold_gates(model: nn.Module) -> None:
    """Multiply every gate into the weights it gates and remove it, in place: the logits stay equal.

    Replaces, per layer, the weight (and bias) of the two projections, or of the two norms where the branch is
    normalised. Merge adapters and dequantise first.

    Raises
    ------
    BaseModelError
        When a gated module holds an adapter or quantised weights.
    """
    for layer in decoder_layers(model):
        for name in (ATTENTION_GATE, MLP_GATE):
            if (gate := getattr(layer, name, None)) is None:
                continue
            end = _branch_end(layer, name)
            _scale_output(end, gate.weight.detach())
            for key, hook in list(end._forward_hooks.items()):
                if isinstance(hook, partial) and hook.args == (layer, name):
                    del end._forward_hooks[key]
            delattr(layer, name)


def _width(model: nn.Module) -> int:
    return int(plain_model(model).config.get_text_config().hidden_size)


def _branch_end(layer: nn.Module, name: str) -> nn.Module:
    if hasattr(layer, _NORMALISED[MLP_GATE]):
        return layer.get_submodule(_NORMALISED[name])
    for path in _PROJECTIONS[name]:
        try:
            return layer.get_submodule(path)
        except AttributeError:
            continue
    raise BaseModelError(
        f"{type(layer).__name__} ends its {name.removesuffix('_gate')} branch in a module that is not known.",
        "Set training.gate to null, or choose a Llama, Qwen, Mistral, Gemma, Phi, GPT-2 or OPT model.",
    )


def _scale_output(module: nn.Module, gate: torch.Tensor) -> None:
    weight = getattr(module, "weight", None)
    if hasattr(module, "base_layer") or weight is None or not weight.is_floating_point():
        raise BaseModelError(
            f"A gate cannot be folded into {type(module).__name__}.",
            "Merge adapters and dequantise the model first.",
        )
    gate = gate.to(device=weight.device, dtype=torch.float32)
    with torch.no_grad():
        if _adds_one(module):
            weight.copy_(gate * (1 + weight.float()) - 1)
        elif weight.ndim == 2 and type(module).__name__ != "Conv1D":  # (d, inner)
            weight.copy_(weight.float() * gate[:, None])
        else:  # Conv1D (inner, d), or a norm (d,)
            weight.copy_(weight.float() * gate)
        if (bias := getattr(module, "bias", None)) is not None:
            bias.copy_(bias.float() * gate)


def _adds_one(module: nn.Module) -> bool:
    """Tell Gemma's norms, which multiply by 1 + w, from those that multiply by w."""
    return type(module).__name__.startswith("Gemma") and type(module).__name__.endswith("RMSNorm")
