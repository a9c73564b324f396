"""A plain Hugging Face checkpoint: base words, SKU tokens, adapters merged, gates folded."""

from pathlib import Path

import torch
from torch import nn
from transformers import AutoModelForCausalLM

from rec_assets import columns as c
from rec_assets.backbone.load import load_tokenizer
from rec_assets.files import atomic_folder, read_table, write_json
from rec_assets.recommender.storage import load_recommender
from rec_assets.registry.serving import serving_model
from rec_assets.workspace import Workspace


def export(workspace: Workspace, out: Path) -> Path:
    """Write a checkpoint that ``AutoModelForCausalLM.from_pretrained`` loads.

    It holds the champion, or the newest model before there is one. Its logits at the SKU tokens equal the
    recommender's; those of words come from the words' own embeddings and mean nothing after the fine-tune.
    ``skus.json`` maps each SKU to its token id.

    Parameters
    ----------
    out
        The folder to write; replaced whole if it exists.

    Returns
    -------
    pathlib.Path
        ``out``.

    Raises
    ------
    RegistryError
        When no recommender has been trained.
    """
    recommender, base, vocabulary = serving_model(workspace)
    model = load_recommender(recommender, base, vocabulary)
    registry = read_table(vocabulary / "registry.parquet")
    words = model.words
    with torch.no_grad():
        vectors = torch.cat([model.items(part) for part in torch.arange(len(registry)).split(16_384)])
    config = model.decoder.config
    config.get_text_config().vocab_size = words + len(registry)
    config.tie_word_embeddings = False
    for name in ("final_logit_softcapping", "logits_scaling", "logit_scale"):
        # The head rows already hold the scale they were trained with.
        if getattr(config.get_text_config(), name, None) is not None:
            setattr(config.get_text_config(), name, None if name == "final_logit_softcapping" else 1.0)
    plain = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    decoder = getattr(plain, plain.base_model_prefix)
    own = model.get_input_embeddings()
    weights = model.decoder.state_dict()
    kept = {
        name: value for name, value in weights.items() if value is not own.weight.data and "embed" not in name
    }
    decoder.load_state_dict(kept, strict=False)
    _copy_position_embeddings(model.decoder, decoder)
    embedding = plain.get_input_embeddings()
    factor = float(getattr(own, "embed_scale", 1.0))  # Gemma multiplies its embeddings on the way in
    with torch.no_grad():
        embedding.weight[:words] = own.weight
        embedding.weight[words:] = vectors / factor
        plain.get_output_embeddings().weight[:words] = own.weight
        plain.get_output_embeddings().weight[words:] = model.head()
    with atomic_folder(out) as folder:
        plain.save_pretrained(folder)
        load_tokenizer(vocabulary / "tokenizer").save_pretrained(folder)
        write_json(
            {sku: words + int(i) for sku, i in zip(registry[c.SKU], registry[c.SKU_INDEX], strict=True)},
            folder / "skus.json",
        )
    return out


def _copy_position_embeddings(source: nn.Module, target: nn.Module) -> None:
    """OPT and GPT-2 learn positions; their modules are embeddings too."""
    modules = dict(target.named_modules())
    for name, module in source.named_modules():
        if (
            isinstance(module, nn.Embedding)
            and module.weight.shape == getattr(modules[name], "weight", module.weight).shape
        ):
            with torch.no_grad():
                modules[name].weight.copy_(module.weight)
