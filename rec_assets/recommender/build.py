"""Put the recommender together: base layers, adapters, gates, fresh layers, item vectors."""

import re
from dataclasses import dataclass
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import PreTrainedModel

from rec_assets import columns as c
from rec_assets.backbone.attention import training_attention
from rec_assets.backbone.final_norm import reset_final_norm
from rec_assets.backbone.gates import add_residual_gates, gate_parameters
from rec_assets.backbone.layers import append_fresh_layers, decoder_layers
from rec_assets.backbone.load import load_base
from rec_assets.backbone.precision import choose_precision
from rec_assets.backbone.quantise import dequantise
from rec_assets.files import read_table
from rec_assets.params import Training
from rec_assets.recommender.model import SkuLanguageModel
from rec_assets.recommender.sku_branch import make_branches
from rec_assets.vocabulary.item_vectors import ItemVectors


@dataclass(frozen=True)
class Recipe:
    """What it takes to rebuild a recommender around its trained tensors.

    Parameters
    ----------
    training
        The parameters it was trained with.
    seed
        Of every random start.
    """

    training: Training
    seed: int


def build(
    base: Path,
    vocabulary: Path,
    recipe: Recipe,
    counts: Tensor | None = None,
    *,
    plain: bool = False,
    dtype: torch.dtype | None = None,
) -> PeftModel | SkuLanguageModel:
    """Build the model as training starts from it.

    Parameters
    ----------
    base
        ``data/models/base``.
    vocabulary
        ``data/vocabulary``.
    recipe
        Method, adapters, gates and item vectors.
    counts
        ``(n,)``: purchases that decide the mix of ID and title; None: the registry's. An adapter trained
        before the registry grew brings its own.
    plain
        Replace 4-bit layers by float layers of the same weights, so that adapters can be merged into them;
        and take the attention that reads fastest, not the one that trains fastest.
    dtype
        Number format of frozen layers; None: ``training.precision`` on a GPU, float32 on a CPU, whose own
        bf16 comes by autocast.

    Returns
    -------
    PeftModel or SkuLanguageModel
        Wrapped by PEFT unless ``method`` is ``full``. Trainable are exactly the adapters (or layers), gates,
        fresh layers, the final norm, the item vectors and the branches that read SKUs.
    """
    settings = recipe.training
    torch.manual_seed(recipe.seed)
    if dtype is None:
        dtype = choose_precision(settings.precision) if torch.cuda.is_available() else torch.float32
    attention = settings.attention if plain else training_attention(settings.attention, settings.precision)
    causal = load_base(base, quantised=settings.method == "qlora", dtype=dtype, attention=attention)
    if plain:
        dequantise(causal)
    causal.requires_grad_(False)
    decoder: PreTrainedModel = getattr(causal, causal.base_model_prefix)
    norm = reset_final_norm(decoder)
    registry = read_table(vocabulary / "registry.parquet")
    start = None
    if counts is None:
        start = _start(vocabulary)
        counts = torch.from_numpy(registry[c.TRAIN_PURCHASES].to_numpy(copy=True))
    titles = load_file(vocabulary / "item_titles.safetensors")["titles"]
    # Channels of subwords come first and begin as they are; what a sentence encoder adds begins at nothing.
    projection = torch.eye(causal.get_input_embeddings().weight.shape[1], titles.shape[1])
    items = ItemVectors(titles, counts, settings.item_vectors, start, projection)
    branches = make_branches(titles, counts, start, settings.item_vectors, settings.sku_branches, recipe.seed)
    for branch in branches:
        branch.decoder.set_attn_implementation("eager" if attention == "eager" else "sdpa")
    model = SkuLanguageModel(decoder, items, settings.dropout, settings.candidates, dtype, branches)
    model.embeddings.float()  # FSDP shards them together with the item vectors: one number format
    pretrained = list(decoder_layers(causal))
    wrapped: PeftModel | SkuLanguageModel = model
    if settings.method != "full":
        wrapped = _adapt(model, pretrained, settings, quantised=settings.method == "qlora" and not plain)
    if settings.gate is not None:
        add_residual_gates(causal, settings.gate)
    if settings.fresh_layers:
        append_fresh_layers(causal, settings.fresh_layers, seed=recipe.seed)
    fresh = list(decoder_layers(causal))[len(pretrained) :]
    trained: list[nn.Module] = [items, norm, *fresh, *branches]
    if settings.method == "full":
        trained.extend(pretrained)
    for module in trained:
        module.requires_grad_(True)
    for gate in gate_parameters(causal).values():
        gate.requires_grad_(True)
    for parameter in wrapped.parameters():
        if parameter.requires_grad:  # an AdamW step is too small for bf16 to see
            parameter.data = parameter.data.float()
    return wrapped


def _start(vocabulary: Path) -> Tensor | None:
    path = vocabulary / "co_purchases.safetensors"
    return load_file(path)["vectors"] if path.exists() else None


def _adapt(
    model: SkuLanguageModel, layers: list[nn.Module], settings: Training, quantised: bool
) -> PeftModel:
    inside = {id(module) for layer in layers for module in layer.modules()}
    names = [
        name
        for name, module in model.named_modules()
        # Conv1D is GPT-2's linear layer; Linear4bit is a Linear.
        if id(module) in inside and (isinstance(module, nn.Linear) or type(module).__name__ == "Conv1D")
    ]
    config = LoraConfig(
        r=settings.lora.rank,
        lora_alpha=settings.lora.alpha,
        lora_dropout=settings.lora.dropout,
        # One pattern: names in a list would also mean layers elsewhere whose names end alike, the branches'.
        target_modules="|".join(map(re.escape, names)),
        bias="none",
    )
    # PEFT asks this of the model to choose its 4-bit layer. It must not stay: TRL would take it as leave to
    # turn every trained tensor to bf16, which a CPU without bf16 units computes hundreds of times slower.
    model.is_loaded_in_4bit = quantised
    adapted: PeftModel = get_peft_model(model, config)
    del model.is_loaded_in_4bit
    return adapted


def sku_model(model: PeftModel | SkuLanguageModel) -> SkuLanguageModel:
    """Give the recommender inside PEFT's wrapper."""
    inner: SkuLanguageModel = model.get_base_model() if isinstance(model, PeftModel) else model
    return inner
