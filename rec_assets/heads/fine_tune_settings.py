"""How a label head and its base model are fine-tuned, and what that is in TRL's words."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError
from trl import SFTConfig

from rec_assets.heads.adapters import Method
from rec_assets.heads.errors import HeadError
from rec_assets.heads.head_trainer import ACCURACY, LOSS
from rec_assets.params import Precision, Section
from rec_assets.recommender.row_trainer import row_arguments


class FineTuneSettings(Section):
    """How a label head and its base model are fine-tuned."""

    method: Method = Field("lora", description="qlora, lora, or full: every layer.")
    rank: int = Field(16, ge=1, description="Of the adapters.")
    alpha: int = Field(32, ge=1, description="Adapters are scaled by alpha / rank.")
    adapter_dropout: float = Field(0.05, ge=0, lt=1, description="On what enters an adapter.")
    embeddings: bool = Field(False, description="With full: train the input embeddings too.")
    epochs: int = Field(4, ge=1, description="At most; passes over the rows.")
    learning_rate: float = Field(5e-4, gt=0, description="Of adapters or layers; the schedule is a cosine.")
    head_learning_rate: float = Field(1e-3, gt=0, description="Of the head's rows and biases.")
    layer_decay: float = Field(1.0, gt=0, le=1, description="Learning rate of a layer over the one above.")
    warmup_share: float = Field(0.06, ge=0, lt=1, description="Steps over which the learning rate rises.")
    weight_decay: float = Field(0.01, ge=0, description="Of matrices.")
    max_grad_norm: float = Field(1.0, gt=0, description="Gradients above are scaled down.")
    dropout: float = Field(0.1, ge=0, lt=1, description="On the states before the head.")
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="Share of a target spread over all labels.")
    batch_tokens: int = Field(1024, ge=1, description="Budget of a step, padding included.")
    validation_share: float = Field(0.0, ge=0, le=0.5, description="Of each label's texts: 0 keeps no rows.")
    patience: int | None = Field(None, ge=1, description="Epochs without a better validation accuracy.")
    keep_best: Literal["accuracy", "loss"] = Field("accuracy", description="What the best epoch is best in.")
    regression_layer: int | None = Field(
        None, description="Answer along with a regression on this layer's mean states; 0: the embeddings'."
    )
    precision: Precision = Field("auto", description="As training.precision.")
    gradient_checkpointing: bool = Field(False, description="Less memory, a third more time.")
    seed: int = Field(0, description="Of adapters, order, dropout and validation rows.")
    checkpoints: Path | None = Field(None, description="Folder; a run that was killed goes on from there.")


def read_settings(settings: FineTuneSettings | Mapping[str, Any] | None, seed: int) -> FineTuneSettings:
    """Give settings as they are, or read them from a mapping; a seed that is not named is ``seed``.

    Raises
    ------
    HeadError
        When a key or value does not fit.
    """
    if isinstance(settings, FineTuneSettings):
        named = "seed" in settings.model_fields_set
        return settings if named else settings.model_copy(update={"seed": seed})
    if settings is not None and not isinstance(settings, Mapping):
        raise HeadError(
            f"fine_tuning is {settings!r}.", "Give FineTuneSettings, or a mapping such as {'epochs': 4}."
        )
    try:
        return FineTuneSettings.model_validate({"seed": seed} | dict(settings or {}))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(("fine_tuning", *map(str, first["loc"])))
        raise HeadError(f"{key}: {first['msg']} (found {first.get('input')!r}).", f"Change {key}.") from error


def trl_arguments(settings: FineTuneSettings, folder: Path, validated: bool) -> SFTConfig:
    """Say it to TRL; checkpoints go to ``folder``, and ``validated`` runs keep their best epoch."""
    metric = ACCURACY if settings.keep_best == "accuracy" else LOSS
    return row_arguments(
        settings.precision,
        output_dir=str(folder),
        num_train_epochs=settings.epochs,
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
        warmup_steps=settings.warmup_share,
        max_grad_norm=settings.max_grad_norm,
        gradient_checkpointing=settings.gradient_checkpointing,
        eval_strategy="epoch" if validated else "no",
        save_strategy="epoch" if validated or settings.checkpoints else "no",
        load_best_model_at_end=validated,
        metric_for_best_model=metric if validated else None,
        greater_is_better=metric == ACCURACY if validated else None,
        seed=settings.seed,
        data_seed=settings.seed,
    )
