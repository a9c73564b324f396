"""Stage ``recommender``: the QLoRA fine-tune, resumable, with its curve."""

import hashlib
import json
import shutil
from pathlib import Path

import matplotlib
import pandas as pd
import torch
from accelerate import PartialState
from torch import nn
from transformers import EarlyStoppingCallback, TrainerCallback, set_seed
from trl import SFTConfig

from rec_assets import columns as c
from rec_assets.backbone.load import load_tokenizer
from rec_assets.errors import ParamsError, TableError
from rec_assets.files import atomic_file, atomic_folder, content_hash, read_json, read_table
from rec_assets.generation.id_folder import scheme_of, words_continue
from rec_assets.params import Params, Training
from rec_assets.pipeline import StageReport
from rec_assets.prompts.wording import read_wording
from rec_assets.recommender.build import Recipe, build, sku_model
from rec_assets.recommender.checkpoints import newest_checkpoint
from rec_assets.recommender.counted import Counted
from rec_assets.recommender.repeats import read_repeats
from rec_assets.recommender.row_trainer import row_arguments
from rec_assets.recommender.storage import save_recommender, trained_tensors
from rec_assets.registry import version_folder
from rec_assets.registry.versions import read_manifest
from rec_assets.registry.windows import TEST, VALIDATION, learnt_ahead
from rec_assets.tracking import tracker
from rec_assets.training.curve import Curve, plot_curve
from rec_assets.training.demand import measure_demand
from rec_assets.training.items import Encoder, Items
from rec_assets.training.trainer import NDCG, RecommenderTrainer
from rec_assets.training.validation import Holdout
from rec_assets.training.warm_start import item_vectors_of, start_from
from rec_assets.vocabulary.token_rows import TokenRow
from rec_assets.workspace import Workspace

matplotlib.use("Agg")

_FEW_REPEATS = 0.01
_READ_TOKENS = 16_384  # of a validation pass: without a backward pass more fits than in training.batch_tokens
_BEAM_CUSTOMERS = 500  # beams take so much longer than one pass that an epoch must not wait for more


def run(workspace: Workspace, params: Params) -> StageReport:
    """Fine-tune the base model into a recommender.

    A killed run goes on from its last checkpoint when it is started again with the same inputs and
    parameters, and ends with the same model.

    Raises
    ------
    TableError
        When there is no purchase to learn from.
    ParamsError
        When ``training.mask_seen`` is on and SKUs are words of several tokens.
    """
    torch.set_num_threads(params.run.threads)
    torch.use_deterministic_algorithms(True, warn_only=torch.cuda.is_available())
    set_seed(params.run.seed)
    items = Items.load(workspace)
    rows = _training_rows(workspace, items.encoder)
    recipe = Recipe(_settings(params.training, items), params.run.seed)
    model = build(workspace.base_model, items.vocabulary, recipe)
    inner = sku_model(model)
    inner.mask_seen = _mask_seen(params.training, rows, inner.words, items)
    dated = read_json(workspace.splits / "windows.json")["time"] == "date"
    repeats = read_repeats(workspace.behaviour, dated=dated, scored=not inner.mask_seen)
    carried = _warm_start(workspace, params, model)
    prompts = _held_out(workspace, params, items)
    start = trained_tensors(model)
    checkpoints = workspace.checkpoints / _fingerprint(workspace, params)
    curve = Curve()
    with tracker(workspace, params, job_type="recommender") as run_tracker:
        callbacks: list[TrainerCallback] = [
            EarlyStoppingCallback(early_stopping_patience=params.training.patience),
            curve.callback(run_tracker),
        ]
        trainer = RecommenderTrainer(
            model=model,
            args=_arguments(params, checkpoints),
            settings=recipe.training,
            rows=rows,
            holdout=_holdout(prompts, params, items),
            tokenizer=load_tokenizer(workspace.base_model),
            callbacks=callbacks,
        )
        trainer.train(resume_from_checkpoint=newest_checkpoint(checkpoints))
    frame = curve.frame(trainer.state.log_history)
    trained = trainer.trained()
    with trainer.whole_parameters(), trainer.accelerator.autocast():
        demand = measure_demand(workspace, inner, items, prompts, _READ_TOKENS)
    moved = _moved(start, trained)
    PartialState().wait_for_everyone()  # the best checkpoint is read by every process before it goes
    if PartialState().is_main_process:
        with atomic_folder(workspace.recommender) as folder:
            save_recommender(trained, recipe, items.counts, folder, Counted(demand, repeats))
            read_wording(workspace.prompts).save(folder)
            plot_curve(frame, folder / "training_curve.png")
        with atomic_file(workspace.reports / "training_curve.csv") as part:
            frame.to_csv(part, index=False)
        shutil.rmtree(workspace.checkpoints, ignore_errors=True)
    best = float(trainer.state.best_metric or 0.0)
    kind = "SKUs" if items.tokens is None else "id tokens"
    return StageReport(
        summary=f"Validation NDCG@10 {best:.4f} after {len(frame)} epochs on {len(rows):,} rows{carried}.",
        rows={"training rows": len(rows), f"{kind} with an ID part": len(inner.items.sold)},
        metrics={
            "validation_ndcg@10": best,
            "epochs": float(len(frame)),
            "trained_parameters": float(sum(value.numel() for value in start.values())),
            "parameters": float(sum(parameter.numel() for parameter in inner.parameters())),
        },
        tables={"curve": frame, "what moved": moved, "what foresees purchases": demand.table()},
        plots=[workspace.recommender / "training_curve.png"],
    )


def _settings(settings: Training, items: Items) -> Training:
    """Leave out the branches that read SKUs where there are no SKU tokens to read."""
    if items.tokens is None:
        return settings
    without = settings.sku_branches.model_copy(update={"copies": 0})
    return settings.model_copy(update={"sku_branches": without})


def _warm_start(workspace: Workspace, params: Params, model: nn.Module) -> str:
    """Start from the parent where there is one; give the end of a sentence that says so."""
    parent = params.lineage.parent
    if parent is None or not params.training.warm_start:
        return ""
    version = version_folder(workspace, parent)
    manifest = read_manifest(version)
    windows = read_json(workspace.splits / "windows.json")
    if any(learnt_ahead(manifest["windows"], windows, date) for date in (VALIDATION, TEST)):
        return f", started anew: {parent} learnt from purchases that are held out now"
    if content_hash(version / "base") != content_hash(workspace.base_model):
        return f", started anew: {parent} has another base model"
    if not words_continue(workspace.vocabulary, version / "vocabulary"):
        return f", started anew: {parent} writes SKUs in other tokens"
    carried = start_from(model, item_vectors_of(model), version / "recommender")
    if carried is None:
        return f", started anew: {parent} was trained by another method"
    kind = "SKUs" if scheme_of(workspace.vocabulary) == "sku" else "id tokens"
    return f", started from {parent} with {carried:,} {kind}"


def _mask_seen(settings: Training, rows: list[TokenRow], words: int, items: Items) -> bool:
    if items.tokens is None:
        return mask_seen(settings, rows, words)
    if settings.mask_seen is True:
        raise ParamsError(
            f"training.mask_seen leaves out tokens; those of {items.tokens.scheme} belong to many SKUs.",
            "Set training.mask_seen: auto, or vocabulary.item_tokens: sku.",
        )
    return False


def mask_seen(settings: Training, rows: list[TokenRow], words: int) -> bool:
    """Decide whether the softmax leaves out what a row has already bought.

    Parameters
    ----------
    rows
        Training rows.
    words
        Size of the base vocabulary; larger ids are SKUs.
    """
    if settings.mask_seen != "auto":
        return settings.mask_seen
    repeats = answers = 0
    for row in rows:
        seen: set[int] = set()
        for token, target in zip(row.ids.tolist(), row.targets.tolist(), strict=True):
            seen.add(token - words)
            if target >= 0:
                answers += 1
                repeats += target in seen
    return repeats < _FEW_REPEATS * answers


def _training_rows(workspace: Workspace, encoder: Encoder) -> list[TokenRow]:
    rows = encoder.encode(read_table(workspace.prompts / "train.parquet"))
    rows = [row for row in rows if (row.targets >= 0).any()]
    if not rows:
        raise TableError(
            f"{workspace.prompts / 'train.parquet'} holds no purchase to learn from.",
            "Move splits.as_of later, or shorten splits.validation_days and splits.test_days.",
        )
    return rows


def _held_out(workspace: Workspace, params: Params, items: Items) -> pd.DataFrame:
    prompts = read_table(workspace.prompts / "validation.parquet")
    most = params.training.validation_customers
    if items.tokens is not None:
        most = min(most or _BEAM_CUSTOMERS, _BEAM_CUSTOMERS)
    if most is not None and len(prompts) > most:
        prompts = prompts.sample(most, random_state=params.run.seed).reset_index(drop=True)
    return prompts


def _holdout(prompts: pd.DataFrame, params: Params, items: Items) -> Holdout:
    registry = items.registry
    index = dict(zip(registry[c.SKU], registry[c.SKU_INDEX], strict=True))
    return Holdout(
        rows=items.encoder.encode(prompts),
        targets=[{index[sku] for sku in basket} for basket in prompts[c.TARGETS]],
        allowed=torch.from_numpy(registry[c.LISTED].to_numpy(copy=True)),
        batch_tokens=_READ_TOKENS,
        tokens=items.tokens,
    )


def _arguments(params: Params, checkpoints: Path) -> SFTConfig:
    settings = params.training
    return row_arguments(
        settings.precision,
        output_dir=str(checkpoints),
        num_train_epochs=settings.epochs,
        learning_rate=settings.learning_rate,
        warmup_steps=settings.warmup_share,
        max_grad_norm=1.0,
        gradient_checkpointing=settings.gradient_checkpointing,
        eval_strategy="epoch",
        save_strategy="epoch",
        load_best_model_at_end=True,
        metric_for_best_model=NDCG,
        greater_is_better=True,
        seed=params.run.seed,
        data_seed=params.run.seed,
        ddp_find_unused_parameters=False,
    )


def _fingerprint(workspace: Workspace, params: Params) -> str:
    """Names the checkpoints, so that none is resumed with other inputs or parameters."""
    digest = hashlib.sha256()
    # The whole vocabulary: titles, co-purchases and counts are where item vectors start.
    for path in (workspace.prompts, workspace.vocabulary, workspace.base_model):
        digest.update(content_hash(path).encode())
    settings = {
        "training": params.training.model_dump(mode="json"),
        "run": params.run.model_dump(mode="json"),
        "parent": params.lineage.parent,
    }
    digest.update(json.dumps(settings, sort_keys=True).encode())
    return digest.hexdigest()[:16]


def _moved(start: dict[str, torch.Tensor], end: dict[str, torch.Tensor]) -> pd.DataFrame:
    """How far each kind of tensor travelled: nothing that should learn may stand still."""
    kinds = {name: _kind(name) for name in start}
    rows = []
    for kind in dict.fromkeys(kinds.values()):
        names = [name for name in start if kinds[name] == kind]
        change = torch.sqrt(sum(((end[n] - start[n]).float() ** 2).sum() for n in names))  # type: ignore[arg-type]
        norm = torch.sqrt(sum((start[n].float() ** 2).sum() for n in names))  # type: ignore[arg-type]
        size = sum(start[n].numel() for n in names)
        rows.append((kind, size, float(change), float(change / norm) if norm > 0 else None))
    return pd.DataFrame(rows, columns=["part", "parameters", "change", "relative change"])


def _kind(name: str) -> str:
    for part in ("branches", "items", "lora", "_gate"):
        if part in name:
            return part.strip("_")
    return "layers" if ".layers." in name or ".h." in name else "norm"
