"""A classifier on disk: everything it reads with, and nothing it does not answer with."""

import copy
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from transformers import AutoModel

from rec_assets.backbone.layers import keep_layers, plain_model
from rec_assets.backbone.load import check_folder, first_line, load_tokenizer
from rec_assets.backbone.merge import merge_adapters
from rec_assets.backbone.quantise import keep_layout
from rec_assets.backbone.trim import TrimmedDecoder, stored_bytes
from rec_assets.errors import BaseModelError
from rec_assets.files import atomic_folder, read_json, refuse_foreign, write_json
from rec_assets.heads.averaged_scores import AveragedScorer
from rec_assets.heads.channel import ChannelScorer
from rec_assets.heads.errors import HeadError
from rec_assets.heads.label_head import LabelHead
from rec_assets.heads.language_model import LanguageModel
from rec_assets.heads.modes import Mode
from rec_assets.heads.state_scores import StateScorer
from rec_assets.heads.word_scores import WordScorer

CLASSIFIER_FILE = "classifier.json"
BACKBONE_FOLDER = "backbone"
REGRESSION_FOLDER = "regression"


@dataclass(frozen=True)
class Checkpoint:
    """What a folder holds.

    Parameters
    ----------
    scorer
        Scores texts.
    prior
        The model's preference, (n,), or none.
    labels
        The n labels.
    mode
        What the classifier was fitted as.
    sizes
        Parameters and bytes of the whole model, before and after.
    parameters
        Of the classifier, and its labels' ``words``, as :meth:`DecoderTrimmedClassifier.save` tells them.
    """

    scorer: WordScorer | StateScorer
    prior: np.ndarray | None
    labels: np.ndarray
    mode: Mode
    sizes: dict[str, int]
    parameters: dict[str, Any]


def write_checkpoint(
    folder: Path,
    scorer: WordScorer | StateScorer | ChannelScorer,
    prior: Any,
    labels: np.ndarray,
    mode: str,
    parameters: dict[str, Any],
) -> dict[str, int]:
    """Write a classifier that loads without its base model and answers with the same bits.

    The vocabulary's head is left out, and of layers only those that are read. A tied head's table stays as
    the input's. Adapters are merged into their layers first; those answers then agree to rounding.

    Parameters
    ----------
    folder
        Replaced whole; it must be new, empty, or an earlier checkpoint.
    scorer, prior, labels, mode, parameters
        See :class:`Checkpoint`.

    Returns
    -------
    dict
        ``parameters_before``, ``parameters_after``, ``bytes_before``, ``bytes_after`` of the whole model.

    Raises
    ------
    HeadError
        When the scorer needs the whole vocabulary, the model holds adapters that cannot be merged here, or a
        label's type is not JSON's.
    """
    if isinstance(scorer, ChannelScorer) or (isinstance(scorer, WordScorer) and scorer.needs_vocabulary):
        raise HeadError(
            "This classifier scores the whole vocabulary, so nothing can be trimmed.",
            "Use words of one token, or multi_token='trie', before saving.",
        )
    refuse_foreign(folder, CLASSIFIER_FILE, "--out")
    before = plain_model(scorer.language.model)
    backbone = _backbone(scorer)
    with atomic_folder(folder) as part:
        backbone.save_pretrained(part / BACKBONE_FOLDER)
        scorer.language.tokenizer.save_pretrained(part / BACKBONE_FOLDER)
        if isinstance(scorer, WordScorer):
            scorer.decoder.save(part)
            decoders = [scorer.decoder]
            kind: dict[str, Any] = {
                "kind": "words",
                "prompt": scorer.prompt,
                "sequences": scorer.sequences,
                "multi_token": scorer.multi_token,
                "demonstrations": scorer.demonstrations,
            }
        else:
            scorer.head.save(part)
            decoders = [scorer.head.decoder]
            kind = {"kind": "state", "layer": scorer.layer, "pooling": scorer.pooling}
            if isinstance(scorer, AveragedScorer):
                (part / REGRESSION_FOLDER).mkdir()
                scorer.regression.save(part / REGRESSION_FOLDER)
                decoders.append(scorer.regression.decoder)
                kind = {"kind": "averaged", "regression_layer": scorer.regression_layer}
        sizes = {
            "parameters_before": _count(before),
            "parameters_after": _count(backbone) + sum(map(_count, decoders)),
            "bytes_before": stored_bytes(before),
            "bytes_after": stored_bytes(backbone) + sum(map(stored_bytes, decoders)),
        }
        # float(), for a float32 prior: its decimal digits must lead back to the same bits.
        settings = kind | {
            "labels": labels.tolist(),
            "label_type": labels.dtype.str,
            "mode": mode,
            "prior": None if prior is None else [float(one) for one in prior],
            "prior_type": None if prior is None else prior.dtype.str,
            "text_tokens": scorer.text_tokens,
            "sizes": sizes,
            "parameters": parameters,
        }
        if labels.dtype.kind not in "OUSbiuf":
            raise HeadError(f"Labels of type {labels.dtype} cannot be written.", "Use words or numbers.")
        write_json(settings, part / CLASSIFIER_FILE)
        for file in part.rglob("*"):
            file.chmod(0o755 if file.is_dir() else 0o644)
    return sizes


def read_checkpoint(folder: Path) -> Checkpoint:
    """Read what :func:`write_checkpoint` wrote.

    Raises
    ------
    HeadError
        When the folder holds no classifier, or its settings are damaged.
    BaseModelError
        When its backbone or its rows are damaged.
    """
    if not (folder / CLASSIFIER_FILE).exists():
        raise HeadError(f"{folder} holds no {CLASSIFIER_FILE}.", "Name a folder a classifier was saved in.")
    try:
        settings = read_json(folder / CLASSIFIER_FILE)
    except ValueError as error:
        raise HeadError(
            f"{folder / CLASSIFIER_FILE} is damaged: {first_line(error)}", "Save the classifier again."
        ) from error
    source = folder / BACKBONE_FOLDER
    model = _read_backbone(source)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    language = LanguageModel(model.to(device), load_tokenizer(source))
    scorer: WordScorer | StateScorer
    if settings["kind"] == "words":
        scorer = WordScorer(
            language,
            settings["prompt"],
            tuple(tuple(tuple(sequence) for sequence in own) for own in settings["sequences"]),
            multi_token=settings["multi_token"],
            demonstrations=settings["demonstrations"],
            text_tokens=settings["text_tokens"],
            decoder=TrimmedDecoder.load(folder).to(device),
        )
    elif settings["kind"] == "averaged":
        scorer = AveragedScorer(
            language,
            LabelHead.load(folder),
            LabelHead.load(folder / REGRESSION_FOLDER),
            regression_layer=settings["regression_layer"],
            text_tokens=settings["text_tokens"],
        )
    elif settings["kind"] == "state":
        scorer = StateScorer(
            language,
            LabelHead.load(folder),
            layer=settings["layer"],
            pooling=settings["pooling"],
            text_tokens=settings["text_tokens"],
        )
    else:
        raise HeadError(
            f"{folder / CLASSIFIER_FILE} is of a kind not known here: {settings['kind']}.",
            "Load it with the release that saved it, or save the classifier again.",
        )
    prior = settings["prior"]
    labels = np.array(settings["labels"], dtype=np.dtype(settings["label_type"]))
    return Checkpoint(
        scorer,
        None if prior is None else np.array(prior, dtype=np.dtype(settings["prior_type"])),
        labels,
        settings["mode"],
        settings["sizes"],
        settings["parameters"],
    )


def _read_backbone(source: Path) -> Any:
    """Load the model a classifier reads with, and refuse one of which any weight is missing or left over."""
    check_folder(source)
    try:
        model, found = AutoModel.from_pretrained(
            source,
            dtype="auto",
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    except (ImportError, OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise BaseModelError(
            f"The backbone in {source} could not be loaded: {first_line(error)}", "Save the classifier again."
        ) from error
    # transformers fills what is missing with random numbers, and only warns.
    for kind in ("missing", "unexpected"):
        if keys := sorted(found[f"{kind}_keys"]):
            raise BaseModelError(
                f"The backbone in {source} has {len(keys)} {kind} weights, {keys[0]} first.",
                "Save the classifier again; if its model holds adapters, merge them first.",
            )
    keep_layout(model)
    return model


def _backbone(scorer: WordScorer | StateScorer) -> Any:
    """Give the transformers model without its head, and without layers that are not read."""
    model = scorer.language.model
    cut = isinstance(scorer, StateScorer) and scorer.layer is not None
    if cut or hasattr(model, "get_base_model"):
        model = merge_adapters(copy.deepcopy(model))
    backbone = plain_model(model).base_model
    if any(hasattr(one, "base_layer") or hasattr(one, "modules_to_save") for one in backbone.modules()):
        # transformers' own add_adapter, or PEFT's inject_adapter_in_model: there is no wrapper that merges.
        raise HeadError(
            "The model holds adapters inside its own layers; saved so, it would not load again.",
            "Load the adapter with peft.PeftModel.from_pretrained, not load_adapter, or merge it first.",
        )
    if cut:
        assert isinstance(scorer, StateScorer)
        keep_layers(backbone, max(1, scorer.layer or 0))
        # Below its last layer a model is read before the final norm; one layer more would be dead weight.
    return backbone


def _count(module: torch.nn.Module) -> int:
    """Count parameters; a 4-bit weight counts the numbers it stands for, not the bytes they are packed in."""
    shapes = [(getattr(one, "quant_state", None) or one).shape for one in module.parameters()]
    return sum(math.prod(shape) for shape in shapes)
