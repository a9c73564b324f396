"""A plain Hugging Face checkpoint: base words, SKU tokens, adapters merged, gates folded."""

import copy
from pathlib import Path
from typing import cast

import torch
from torch import nn
from transformers import AutoModelForCausalLM, PreTrainedModel

from rec_assets import columns as c
from rec_assets.backbone.load import load_tokenizer
from rec_assets.files import atomic_folder, read_table, refuse_foreign, write_json
from rec_assets.generation.id_folder import model_vocabulary, scheme_of
from rec_assets.generation.schemes import load_item_tokens
from rec_assets.recommender.sku_branch import SkuBranch
from rec_assets.recommender.storage import load_recommender
from rec_assets.registry.serving import serving_model
from rec_assets.workspace import Workspace


def export(workspace: Workspace, out: Path) -> Path:
    """Write a checkpoint that ``AutoModelForCausalLM.from_pretrained`` loads.

    It holds the champion, or the newest model before there is one. Its logits at the SKU tokens equal the
    recommender's, branches aside; those of words come from the words' own embeddings and mean nothing after
    the fine-tune.
    ``skus.json`` maps each SKU to its token id, or to the ids of its word where SKUs are words of id tokens.

    A branch that reads SKUs is a checkpoint of its own, in ``sku_branch_1`` and so on: id 0 begins a history,
    ``1 + i`` is SKU i of the registry. Heads are divided by how many there are: their logits add up to the
    recommender's, a mean.

    Parameters
    ----------
    out
        The folder to write; an earlier export is replaced whole.

    Returns
    -------
    pathlib.Path
        ``out``.

    Raises
    ------
    CouturierError
        When the folder holds something else.
    RegistryError
        When no recommender has been trained.
    """
    refuse_foreign(out, "skus.json", "--out")
    recommender, base, vocabulary = serving_model(workspace)
    own_vocabulary = model_vocabulary(vocabulary)
    model = load_recommender(recommender, base, own_vocabulary)
    words, size = model.words, len(model.items.mix)
    with torch.no_grad():
        vectors = torch.cat([model.items(part) for part in torch.arange(size).split(16_384)])
    config = model.decoder.config
    config.get_text_config().vocab_size = words + size
    config.tie_word_embeddings = False
    for name in ("final_logit_softcapping", "logits_scaling", "logit_scale"):
        # The head rows already hold the scale they were trained with.
        if getattr(config.get_text_config(), name, None) is not None:
            setattr(config.get_text_config(), name, None if name == "final_logit_softcapping" else 1.0)
    plain = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    decoder = getattr(plain, plain.base_model_prefix)
    own = model.get_input_embeddings()
    _copy_all_but(own, model.decoder, decoder)
    embedding = plain.get_input_embeddings()
    with torch.no_grad():
        embedding.weight[:words] = own.weight
        embedding.weight[words:] = vectors
        plain.get_output_embeddings().weight[:words] = own.weight
        plain.get_output_embeddings().weight[words:] = model.items.head(vectors) / len(model.tables)
    with atomic_folder(out) as folder:
        plain.save_pretrained(folder)
        for number, branch in enumerate(model.branches, 1):
            plain_branch = _plain_branch(cast(SkuBranch, branch), len(model.tables))
            plain_branch.save_pretrained(folder / f"sku_branch_{number}")
        load_tokenizer(own_vocabulary / "tokenizer").save_pretrained(folder)
        write_json(_ids_of_skus(vocabulary, words), folder / "skus.json")
    return out


def _plain_branch(branch: SkuBranch, voices: int) -> PreTrainedModel:
    every = torch.arange(len(branch.items.mix))
    config = copy.deepcopy(branch.decoder.config)
    config.vocab_size = 1 + len(every)
    config.tie_word_embeddings = False
    plain: PreTrainedModel = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    with torch.no_grad():
        plain.get_decoder().load_state_dict(branch.decoder.state_dict(), strict=False)  # all but embeddings
        plain.get_input_embeddings().weight[0] = branch.start
        plain.get_input_embeddings().weight[1:] = branch.rows(every)
        plain.get_output_embeddings().weight[0] = 0
        plain.get_output_embeddings().weight[1:] = branch.items.head(branch.items(every)) / voices
    return plain


def _ids_of_skus(vocabulary: Path, words: int) -> dict[str, int | list[int]]:
    """Ids of each SKU: one, or as many as its word has tokens."""
    registry = read_table(vocabulary / "registry.parquet")
    if scheme_of(vocabulary) == "sku":
        return {sku: words + int(i) for sku, i in zip(registry[c.SKU], registry[c.SKU_INDEX], strict=True)}
    codes = load_item_tokens(model_vocabulary(vocabulary)).codes + words
    return dict(zip(registry[c.SKU], codes.tolist(), strict=True))


def _copy_all_but(embeddings: nn.Module, source: nn.Module, target: nn.Module) -> None:
    """Copy every tensor of one decoder into another of its kind, except the embeddings of the words."""
    wanted = dict(target.named_modules())
    tensors: dict[str, torch.Tensor] = {}
    for path, module in source.named_modules():
        if module is embeddings:
            continue
        for name, tensor in (*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)):
            # Dequantised, GPT-2's Conv1D (inner, outer) has become a Linear (outer, inner).
            turned = name == "weight" and type(module) is nn.Linear and type(wanted[path]) is not nn.Linear
            tensors[f"{path}.{name}".lstrip(".")] = tensor.T if turned else tensor
    own = target.state_dict()
    with torch.no_grad():
        for name, tensor in tensors.items():
            if name in own:
                own[name].copy_(tensor)
