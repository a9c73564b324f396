"""Couturier's trainer, ready to be measured."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback, set_seed
from trl import SFTConfig

from rec_assets import columns as c
from rec_assets.backbone.load import load_tokenizer
from rec_assets.backbone.precision import choose_precision
from rec_assets.params import Training
from rec_assets.recommender.build import Recipe, build, sku_model
from rec_assets.training.trainer import RecommenderTrainer
from rec_assets.training.validation import Holdout
from rec_assets.vocabulary.token_rows import IGNORED
from speed.holdout_loss import holdout_loss
from speed.lesson import Lesson
from speed.meter import Meter


def as_stock(settings: Training) -> Training:
    """Take away what stock TRL has not: gates, fresh layers, branches, dropouts, co-purchases."""
    values = settings.model_dump()
    values |= {
        "gate": None,
        "fresh_layers": 0,
        "dropout": 0.0,
        "candidates": None,
        "sku_branches": {"copies": 0},
    }
    values["item_vectors"] |= {"id_dropout": 0.0, "co_purchase_weight": 0.0}
    return Training.model_validate(values)


def count(batch: dict[str, Any]) -> tuple[int, int]:
    """Count histories and targets of a batch."""
    return len(batch["input_ids"]), int((batch["targets"] != IGNORED).sum())


def trainer(
    lesson: Lesson,
    settings: Training,
    seed: int,
    folder: Path,
    meter: Callable[[Callable[[], float]], Meter] | None = None,
    steps: int = -1,
    base: Path | None = None,
) -> tuple[RecommenderTrainer, Meter | None]:
    """Build the trainer of the stage ``recommender`` without its evaluations and checkpoints.

    Parameters
    ----------
    lesson
        What it learns from.
    settings
        Section ``training``.
    seed
        Of everything.
    folder
        Where Trainer may write.
    meter
        Makes the meter from the model's held-out loss; none: it is not metered.
    steps
        After which it ends; -1: the meter ends it.
    base
        The base model; none: the workspace's.
    """
    set_seed(seed)
    base = base or lesson.workspace.base_model
    model = build(base, lesson.workspace.vocabulary, Recipe(settings, seed))
    inner = sku_model(model)
    watching: list[TrainerCallback] = []
    made = None
    if meter is not None:
        made = meter(
            lambda: holdout_loss(
                model, inner.last_states, inner.head, lesson.held_out, lesson.bought, lesson.sold
            )
        )
        made.watch(model)
        watching.append(made)
    everything = torch.from_numpy(lesson.registry[c.LISTED].to_numpy(copy=True))
    built = RecommenderTrainer(
        model=model,
        args=arguments(folder, seed, settings.learning_rate, steps=steps),
        settings=settings,
        rows=lesson.rows,
        holdout=Holdout([], [], everything, 8192),
        tokenizer=load_tokenizer(base),
        callbacks=watching,
    )
    return built, made


def arguments(folder: Path, seed: int, learning_rate: float, steps: int = -1, **more: Any) -> SFTConfig:
    """Give what both trainers are told.

    The rate is constant after a warm-up, so that no curve depends on where it ends. Both multiply in the
    machine's fast format.
    """
    common: dict[str, Any] = {
        "output_dir": str(folder),
        "num_train_epochs": 1000,
        "max_steps": steps,
        "learning_rate": learning_rate,
        "lr_scheduler_type": "constant_with_warmup",
        "warmup_steps": 10,
        "max_grad_norm": 1.0,
        "use_cpu": True,
        "bf16": choose_precision() is torch.bfloat16,
        "gradient_checkpointing": False,
        "eval_strategy": "no",
        "save_strategy": "no",
        "logging_strategy": "no",
        "report_to": [],
        "seed": seed,
        "data_seed": seed,
        "disable_tqdm": True,
        "dataloader_pin_memory": False,
    }
    own: dict[str, Any] = {
        "remove_unused_columns": False,
        "dataset_kwargs": {"skip_prepare_dataset": True},
        "max_length": None,
        "accelerator_config": {"even_batches": False, "use_seedable_sampler": False},
    }
    return SFTConfig(**common, **(more or own))
