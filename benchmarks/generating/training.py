"""Train the recommender over SKUs or over id tokens: same rows, layers, adapters, epochs and trainer."""

import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from harness.memory import peak_mb
from safetensors.numpy import load_file
from transformers import set_seed
from trl import SFTConfig

from generating.shop import Shop, own_workspace
from rec_assets import columns as c
from rec_assets.backbone.load import load_tokenizer
from rec_assets.files import read_json, read_table
from rec_assets.generation.id_rows import with_item_tokens
from rec_assets.generation.id_vocabulary import write_id_vocabulary
from rec_assets.generation.schemes import item_tokens, load_item_tokens
from rec_assets.params import read_params
from rec_assets.recommender.build import Recipe, build, sku_model
from rec_assets.recommender.row_trainer import row_arguments
from rec_assets.recommender.storage import save_recommender
from rec_assets.training.items import row_encoder
from rec_assets.training.trainer import RecommenderTrainer
from rec_assets.training.validation import Holdout
from rec_assets.vocabulary.token_rows import TokenRow
from rec_assets.workspace import Workspace


@dataclass(frozen=True)
class Trained:
    """A trained model and what it cost."""

    home: Workspace
    seconds: float
    samples_per_second: float
    tokens_a_history: float
    parameters: int
    peak_mb: int


def train(shop: Shop, scheme: str, seed: int, epochs: int, root: Path) -> Trained:
    """Train one scheme, or take what was trained with the same settings.

    The last epoch is kept: no scheme stops early, so all learn from the same number of histories.
    """
    settings = {"scheme": scheme, "seed": seed, "epochs": epochs, "rows": len(shop.train)}
    home, record = own_workspace(shop.workspace, root), root / "training.json"
    if record.exists() and (known := json.loads(record.read_text()))["settings"] == settings:
        return Trained(home, **known["cost"])
    vocabulary(shop, scheme, seed, home)
    params = read_params(shop.workspace.params_file)
    torch.use_deterministic_algorithms(True, warn_only=torch.cuda.is_available())
    set_seed(seed)
    # Branches read SKU tokens: without them, all schemes have the same model.
    alone = params.training.sku_branches.model_copy(update={"copies": 0})
    recipe = Recipe(params.training.model_copy(update={"epochs": epochs, "sku_branches": alone}), seed)
    rows = [row for row in token_rows(shop, scheme, home, trained=True) if (row.targets >= 0).any()]
    model = build(home.base_model, home.vocabulary, recipe)
    trainer = RecommenderTrainer(
        model=model,
        args=_arguments(recipe, home.checkpoints),
        settings=recipe.training,
        rows=rows,
        holdout=Holdout([], [], torch.ones(1, dtype=torch.bool), 1),
        tokenizer=load_tokenizer(home.base_model),
        callbacks=[],
    )
    start = time.perf_counter()
    trainer.train()
    seconds = time.perf_counter() - start
    sold = read_table(home.vocabulary / "registry.parquet")[c.TRAIN_PURCHASES].to_numpy(copy=True)
    home.recommender.mkdir(parents=True, exist_ok=True)
    save_recommender(trainer.trained(), recipe, torch.from_numpy(sold), home.recommender)
    shutil.rmtree(home.checkpoints, ignore_errors=True)
    cost: dict[str, Any] = {
        "seconds": seconds,
        "samples_per_second": epochs * len(rows) / seconds,
        "tokens_a_history": sum(len(row.ids) for row in rows) / len(rows),
        "parameters": sum(parameter.numel() for parameter in sku_model(model).parameters()),
        "peak_mb": peak_mb(),
    }
    record.write_text(json.dumps({"settings": settings, "cost": cost}, indent=2) + "\n")
    return Trained(home, **cost)


def vocabulary(shop: Shop, scheme: str, seed: int, home: Workspace) -> None:
    """Give a scheme's workspace its vocabulary: the shop's own, or one of id tokens."""
    if scheme == "sku":
        if not home.vocabulary.exists():
            home.vocabulary.symlink_to(shop.workspace.vocabulary.resolve())
        return
    titles = load_file(shop.workspace.vocabulary / "item_titles.safetensors")["titles"]
    tokens = item_tokens(scheme, titles, seed)
    write_id_vocabulary(tokens, shop.workspace.vocabulary, home.base_model, home.vocabulary)


def token_rows(shop: Shop, scheme: str, home: Workspace, *, trained: bool) -> list[TokenRow]:
    """Encode training or test prompts as a scheme writes them."""
    rows = row_encoder(shop.workspace, shop.registry).encode(shop.train if trained else shop.test)
    if scheme == "sku":
        return rows
    words = read_json(home.vocabulary / "vocabulary.json")["words"]
    return with_item_tokens(rows, words, load_item_tokens(home.vocabulary))


def _arguments(recipe: Recipe, checkpoints: Path) -> SFTConfig:
    return row_arguments(
        recipe.training.precision,
        output_dir=str(checkpoints),
        num_train_epochs=recipe.training.epochs,
        learning_rate=recipe.training.learning_rate,
        warmup_steps=recipe.training.warmup_share,
        max_grad_norm=1.0,
        gradient_checkpointing=recipe.training.gradient_checkpointing,
        eval_strategy="no",
        save_strategy="no",
        seed=recipe.seed,
        data_seed=recipe.seed,
    )
