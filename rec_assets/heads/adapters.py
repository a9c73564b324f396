"""Make a base model's decoder layers trainable: all of them, or low-rank adapters beside them."""

from typing import Any, Literal

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import nn

from rec_assets.backbone.layers import decoder_layers
from rec_assets.backbone.quantise import keep_layout
from rec_assets.errors import BaseModelError

Method = Literal["qlora", "lora", "full"]


def make_trainable(
    model: Any, method: Method, *, rank: int, alpha: int, dropout: float, embeddings: bool, seed: int
) -> Any:
    """Freeze a model, then leave to training what the method trains, in float32.

    Parameters
    ----------
    model
        A causal language model; changed in place.
    method
        ``full`` trains every decoder layer and the final norm. ``lora`` freezes them and trains adapters of
        their linear layers (arXiv 2106.09685); ``qlora`` stores what is frozen in NF4 (arXiv 2305.14314).
    rank, alpha, dropout
        Of the adapters.
    embeddings
        With ``full``: train the input embeddings too.
    seed
        Of the adapters' start.

    Returns
    -------
    PeftModel or PreTrainedModel
        The model, wrapped by PEFT unless ``method`` is ``full``.

    Raises
    ------
    BaseModelError
        When PEFT has wrapped the model already, or ``full`` meets 4-bit layers.
    """
    if hasattr(model, "get_base_model"):
        raise BaseModelError(
            "The model is wrapped by PEFT already.", "Call merge_and_unload() on it, then fine-tune."
        )
    torch.manual_seed(seed)
    four_bit = is_four_bit(model)
    model.requires_grad_(False)
    adapted = model
    if method == "full":
        if four_bit:
            raise BaseModelError(
                "The model's layers are stored in 4 bits, which cannot be trained.",
                "Choose the method qlora, or load the model without quantisation.",
            )
        decoder = model.get_decoder()
        decoder.float()
        inside = {id(parameter) for parameter in decoder.get_input_embeddings().parameters()}
        for parameter in decoder.parameters():
            parameter.requires_grad_(embeddings or id(parameter) not in inside)
    else:
        if method == "qlora" and not four_bit:
            quantise_layers(model)
        adapted = _adapt(model, rank, alpha, dropout)
    for parameter in adapted.parameters():
        if parameter.requires_grad:  # an AdamW step is too small for bf16 to see
            parameter.data = parameter.data.float()
    return adapted


def is_four_bit(model: nn.Module) -> bool:
    """Tell whether decoder layers are stored in 4 bits."""
    layers = decoder_layers(model)
    return any(type(parameter).__name__ == "Params4bit" for parameter in layers.parameters())


def quantise_layers(model: nn.Module) -> None:
    """Store the linear layers of a loaded decoder in NF4 with double quantisation, in place.

    The same bits as a model loaded with :func:`~rec_assets.backbone.quantise.nf4_config`; the embeddings,
    norms and the head stay as they are.
    """
    import bitsandbytes as bnb  # more than a second to import, and only 4-bit models need it

    for parent in list(decoder_layers(model).modules()):
        for name, child in list(parent.named_children()):
            if type(child) is not nn.Linear:
                continue
            weight = child.weight.data
            stored = bnb.nn.Linear4bit(
                child.in_features,
                child.out_features,
                bias=False,
                compute_dtype=weight.dtype,
                compress_statistics=True,
                quant_type="nf4",
                device="meta",
            )
            parameter = bnb.nn.Params4bit(
                weight, requires_grad=False, compress_statistics=True, quant_type="nf4", module=stored
            )
            stored.weight = parameter.to(weight.device)  # moving it is what quantises it
            stored.bias = child.bias
            stored.train(child.training)
            setattr(parent, name, stored)
    keep_layout(model)


def _adapt(model: Any, rank: int, alpha: int, dropout: float) -> PeftModel:
    inside = {id(module) for module in decoder_layers(model).modules()}
    names = [
        name
        for name, module in model.named_modules()
        # Conv1D is GPT-2's linear layer; Linear4bit is a Linear.
        if id(module) in inside and (isinstance(module, nn.Linear) or type(module).__name__ == "Conv1D")
    ]
    config = LoraConfig(r=rank, lora_alpha=alpha, lora_dropout=dropout, target_modules=names, bias="none")
    # PEFT asks this of the model to choose its 4-bit layer.
    known, four_bit = getattr(model, "is_loaded_in_4bit", None), is_four_bit(model)
    model.is_loaded_in_4bit = four_bit
    adapted: PeftModel = get_peft_model(model, config)
    if known is None:
        del model.is_loaded_in_4bit
    return adapted
