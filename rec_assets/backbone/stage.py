"""Stage ``base_model``: the pretrained language model, verified, converted, cut to the layers kept."""

from typing import Any

import pandas as pd
import torch
import transformers

from rec_assets.backbone.convert import save_plain
from rec_assets.backbone.layers import decoder_layers, keep_layers, randomise_layers
from rec_assets.backbone.load import load_base, load_tokenizer
from rec_assets.backbone.source import resolve
from rec_assets.files import atomic_folder, write_json
from rec_assets.params import Params
from rec_assets.pipeline import StageReport
from rec_assets.workspace import Workspace


def run(workspace: Workspace, params: Params) -> StageReport:
    """Write ``data/models/base``: a plain checkpoint, its licence and ``manifest.json``.

    Raises
    ------
    BaseModelError
        When the model cannot be fetched, verified, converted or cut.
    """
    torch.set_num_threads(params.run.threads)
    section = params.base_model
    checkpoint = resolve(section.source, section.sha256, workspace.root)
    model = load_base(checkpoint.folder, dtype="auto")
    tokenizer = load_tokenizer(checkpoint.folder)
    before = len(decoder_layers(model))
    if section.layers is not None:
        keep_layers(model, section.layers)
    if section.initialisation == "random":
        randomise_layers(model, params.run.seed)
    manifest = {
        "source": section.source if ":" in section.source else "local",
        "sha256": checkpoint.sha256,
        "architecture": type(model).__name__,
        "layers": len(decoder_layers(model)),
        "layers_before": before,
        "initialisation": section.initialisation,
        "width": int(model.get_input_embeddings().weight.shape[1]),
        "vocabulary": int(model.get_input_embeddings().weight.shape[0]),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "transformers": transformers.__version__,
    }
    with atomic_folder(workspace.base_model) as part:
        save_plain(model, tokenizer, part)
        write_json(manifest, part / "manifest.json")
        (part / "LICENCE-NOTE.txt").write_text(checkpoint.licence + "\n")
    return _report(manifest)


def _report(manifest: dict[str, Any]) -> StageReport:
    return StageReport(
        summary=f"{manifest['source']}: {manifest['layers']} of {manifest['layers_before']} layers kept "
        f"({manifest['initialisation']}), {manifest['parameters'] / 1e6:.1f} million parameters.",
        metrics={"layers": float(manifest["layers"]), "parameters": float(manifest["parameters"])},
        tables={
            "base model": pd.DataFrame([manifest])
            .T.reset_index()
            .set_axis(["key", "value"], axis=1)
            .astype(str)
        },
    )
