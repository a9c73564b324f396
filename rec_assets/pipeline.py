"""The graph: every stage once, with its inputs, outputs and parameter sections.

Dagster assets and ``dvc.yaml`` are two views of :data:`STAGES`; ``couturier stage NAME`` runs one of them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd

from rec_assets.errors import CheckFailedError, CouturierError
from rec_assets.params import Params, read_params
from rec_assets.workspace import Workspace, alone


@dataclass(frozen=True)
class Check:
    """The outcome of one blocking check."""

    name: str
    passed: bool
    description: str
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class StageReport:
    """What a stage tells the person who ran it.

    Parameters
    ----------
    summary
        One sentence.
    rows
        Row counts by table.
    metrics
        Numbers worth a curve across runs.
    tables
        Small frames (at most a few dozen rows) to show as they are.
    plots
        PNG files, already written under the stage's outputs or ``reports``.
    links
        Pages to open, by title.
    checks
        Outcomes of the checks that :class:`Stage` declares, each exactly once.
    """

    summary: str
    rows: Mapping[str, int] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    plots: Sequence[Path] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    checks: Sequence[Check] = ()


StageFunction = Callable[[Workspace, Params], StageReport]


@dataclass(frozen=True)
class Stage:
    """One step from files to files.

    Parameters
    ----------
    name
        Its name in Dagster, DVC and on the command line.
    group
        The asset group.
    kinds
        Dagster kind tags.
    description
        One sentence for the asset page.
    function
        ``module:function`` of a :data:`StageFunction`, imported only when the stage runs.
    after
        Stages whose outputs it reads.
    outputs
        Paths below the workspace's root that it writes, and nobody else.
    sections
        Sections of ``params.yaml`` that change its outputs.
    code
        Rooms whose code changes its outputs.
    checks
        Names of its blocking checks.
    metrics
        Outputs that DVC shows as metrics (JSON).
    plots
        Outputs that DVC shows as plots (CSV).
    reads_source
        Whether it reads the retailer's files.
    """

    name: str
    group: str
    kinds: tuple[str, ...]
    description: str
    function: str
    after: tuple[str, ...]
    outputs: tuple[str, ...]
    sections: tuple[str, ...]
    code: tuple[str, ...]
    checks: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    plots: tuple[str, ...] = ()
    reads_source: bool = False

    @property
    def inputs(self) -> tuple[str, ...]:
        """Outputs of the stages it follows, in order."""
        return tuple(path for name in self.after for path in stage(name).outputs)

    def load(self) -> StageFunction:
        """Import the stage's function."""
        module, _, name = self.function.partition(":")
        function: StageFunction = getattr(import_module(module), name)
        return function


STAGES: tuple[Stage, ...] = (
    Stage(
        name="raw_data",
        group="data",
        kinds=("parquet",),
        description="The retailer's purchases, customers and catalogue, mapped to canonical columns.",
        function="rec_assets.sources.stage:run",
        after=(),
        outputs=("data/raw",),
        sections=("source",),
        code=("rec_assets/sources",),
        reads_source=True,
    ),
    Stage(
        name="validated_data",
        group="data",
        kinds=("greatexpectations", "parquet"),
        description="Rows that meet every expectation; the others in quarantine with the reason.",
        function="rec_assets.validation.stage:run",
        after=("raw_data",),
        outputs=("data/validated", "data/quarantine", "data/reports/validation.json"),
        sections=("validation",),
        code=("rec_assets/validation",),
        checks=(
            "transactions_suite",
            "customers_suite",
            "articles_suite",
            "references",
            "volume_and_freshness",
        ),
        metrics=("data/reports/validation.json",),
    ),
    Stage(
        name="splits",
        group="data",
        kinds=("duckdb", "parquet"),
        description="Purchases before, in the validation window, and in the test window.",
        function="rec_assets.evaluation.splits:run",
        after=("raw_data", "validated_data"),
        outputs=("data/splits",),
        sections=("splits",),
        code=("rec_assets/evaluation/splits.py",),
        checks=("no_leakage",),
    ),
    Stage(
        name="base_model",
        group="model",
        kinds=("huggingface", "pytorch"),
        description="The pretrained language model, verified, converted, cut to the layers kept.",
        function="rec_assets.backbone.stage:run",
        after=(),
        outputs=("data/models/base",),
        sections=("base_model", "run"),
        code=("rec_assets/backbone",),
    ),
    Stage(
        name="attribute_heads",
        group="features",
        kinds=("pytorch", "huggingface"),
        description="Text classifiers cut out of the language model's decoder fill what articles lack.",
        function="rec_assets.heads.attribute_stage:run",
        after=("validated_data", "splits", "base_model"),
        outputs=("data/models/heads", "data/reports/heads", "data/features/filled_attributes.parquet"),
        sections=("heads", "run"),
        code=("rec_assets/heads", "rec_assets/recommender", "rec_assets/backbone", "rec_assets/vocabulary"),
    ),
    Stage(
        name="item_texts",
        group="features",
        kinds=("parquet",),
        description="One clean line of text per article.",
        function="rec_assets.features.item_texts:run",
        after=("validated_data", "attribute_heads"),
        outputs=("data/features/item_texts.parquet",),
        sections=("item_texts",),
        code=(
            "rec_assets/features/item_texts.py",
            "rec_assets/features/clean_text.py",
            "rec_assets/features/filled.py",
        ),
    ),
    Stage(
        name="behaviour",
        group="features",
        kinds=("duckdb", "parquet"),
        description="Sequences with gaps, seasons and price tiers; features of articles and customers.",
        function="rec_assets.features.behaviour:run",
        after=("validated_data", "splits", "attribute_heads"),
        outputs=("data/features/behaviour",),
        sections=("behaviour",),
        code=("rec_assets/features",),
    ),
    Stage(
        name="neighbours",
        group="features",
        kinds=("scikitlearn", "parquet"),
        description="Similar articles, similar customers and clusters of interest, from training purchases.",
        function="rec_assets.features.neighbours.stage:run",
        after=("validated_data", "item_texts", "behaviour"),
        outputs=("data/features/neighbours",),
        sections=("behaviour", "run"),
        code=("rec_assets/features/neighbours",),
    ),
    Stage(
        name="prompts",
        group="features",
        kinds=("parquet",),
        description="What the model reads: attributes in words, history as SKU tokens.",
        function="rec_assets.prompts.stage:run",
        after=("behaviour", "neighbours", "splits"),
        outputs=("data/prompts",),
        sections=("prompts", "run"),
        code=("rec_assets/prompts", "rec_assets/features/clean_text.py"),
    ),
    Stage(
        name="vocabulary",
        group="model",
        kinds=("huggingface",),
        description="SKU tokens, kept for ever, each with a vector that starts from its title.",
        function="rec_assets.vocabulary.stage:run",
        after=("item_texts", "behaviour", "splits", "base_model"),
        outputs=("data/vocabulary",),
        sections=("vocabulary", "lineage", "run"),
        code=(
            "rec_assets/generation",
            "rec_assets/vocabulary",
        ),
    ),
    Stage(
        name="recommender",
        group="model",
        kinds=("pytorch", "huggingface", "wandb"),
        description="The QLoRA fine-tune: a language model whose answers are SKUs.",
        function="rec_assets.training.stage:run",
        after=("splits", "behaviour", "prompts", "vocabulary", "base_model"),
        outputs=("data/models/recommender", "data/reports/training_curve.csv"),
        sections=("training", "lineage", "run"),
        code=(
            "rec_assets/generation",
            "rec_assets/prompts/without_history.py",
            "rec_assets/prompts/wording.py",
            "rec_assets/registry/windows.py",
            "rec_assets/training",
            "rec_assets/recommender",
            "rec_assets/backbone",
            "rec_assets/vocabulary",
        ),
        plots=("data/reports/training_curve.csv",),
    ),
    Stage(
        name="baselines",
        group="evaluation",
        kinds=("lenskit", "pytorch"),
        description="Ranked holdout lists of the recommenders to beat.",
        function="rec_assets.baselines.stage:run",
        after=("splits", "behaviour", "item_texts"),
        outputs=("data/rankings/baselines",),
        sections=("baselines", "ranking", "run"),
        code=("rec_assets/baselines",),
    ),
    Stage(
        name="holdout_rankings",
        group="evaluation",
        kinds=("pytorch",),
        description="The recommender's ranked lists for the test customers, one forward pass each.",
        function="rec_assets.ranking.holdout:run",
        after=("recommender", "vocabulary", "base_model", "prompts", "behaviour"),
        outputs=("data/rankings/holdout",),
        sections=("ranking", "run"),
        code=(
            "rec_assets/generation",
            "rec_assets/prompts/questions.py",
            "rec_assets/ranking",
            "rec_assets/recommender",
            "rec_assets/backbone",
            "rec_assets/vocabulary",
        ),
    ),
    Stage(
        name="evaluation",
        group="evaluation",
        kinds=("lenskit",),
        description="Model and baselines judged on the same lists: metrics, slices, learned relations.",
        function="rec_assets.evaluation.stage:run",
        after=("baselines", "holdout_rankings", "splits", "behaviour", "raw_data"),
        outputs=("data/reports/evaluation", "data/reports/metrics.json"),
        sections=("evaluation", "run"),
        code=("rec_assets/evaluation",),
        metrics=("data/reports/metrics.json",),
    ),
    Stage(
        name="trends",
        group="evaluation",
        kinds=("duckdb",),
        description="How far the newest weeks have drifted from the weeks before them.",
        function="rec_assets.drift.stage:run",
        after=("validated_data", "behaviour", "splits"),
        outputs=("data/reports/trends",),
        sections=("trends", "behaviour"),
        code=("rec_assets/drift", "rec_assets/features/price_tiers.py"),
    ),
    Stage(
        name="promotion",
        group="serving",
        kinds=("json",),
        description="Promote this model or keep the last one, with the reasons.",
        function="rec_assets.registry.stage:run",
        after=(
            "evaluation",
            "recommender",
            "vocabulary",
            "base_model",
            "holdout_rankings",
            "baselines",
            "trends",
            "splits",
            "validated_data",
        ),
        outputs=("data/reports/promotion.json",),
        # The champion is ranked and scored here, as the stages before did with the challenger.
        sections=("promotion", "lineage", "source", "ranking", "evaluation", "run"),
        code=("rec_assets/registry",),
    ),
    Stage(
        name="recommendations",
        group="serving",
        kinds=("parquet",),
        description="The champion's ranked lists for every customer as of the newest purchase.",
        function="rec_assets.ranking.recommendations:run",
        after=("promotion", "recommender", "vocabulary", "base_model", "prompts", "behaviour"),
        outputs=("data/recommendations",),
        sections=("recommendations", "ranking", "run"),
        code=(
            "rec_assets/generation",
            "rec_assets/prompts/questions.py",
            "rec_assets/ranking",
            "rec_assets/recommender",
            "rec_assets/backbone",
            "rec_assets/vocabulary",
        ),
    ),
    Stage(
        name="classifier_heads",
        group="evaluation",
        kinds=("pytorch",),
        description="What is bought next, by category and price tier; every head against its baselines.",
        function="rec_assets.heads.customer_stage:run",
        # Last but for the report: a weak head must not keep a better recommender from its customers.
        after=(
            "attribute_heads",
            "recommender",
            "vocabulary",
            "base_model",
            "prompts",
            "behaviour",
        ),
        outputs=("data/reports/customer_heads",),
        sections=("heads", "ranking", "run"),
        code=(
            "rec_assets/heads",
            "rec_assets/generation",
            "rec_assets/prompts/questions.py",
            "rec_assets/ranking",
            "rec_assets/recommender",
            "rec_assets/backbone",
            "rec_assets/vocabulary",
        ),
        checks=("beats_majority", "matches_baseline"),
    ),
    Stage(
        name="report",
        group="serving",
        kinds=("html",),
        description="One self-contained page: metrics, curves, slices, relations, example lists.",
        function="rec_assets.report.stage:run",
        after=(
            "evaluation",
            "recommender",
            "recommendations",
            "attribute_heads",
            "classifier_heads",
            "trends",
            "promotion",
            "validated_data",
            "behaviour",
        ),
        outputs=("data/reports/report.html",),
        # The page prints these sections, so it must be made again when one of them changes.
        sections=("run", "source", "splits", "prompts", "base_model", "training", "evaluation", "promotion"),
        code=("rec_assets/report",),
    ),
)

_BY_NAME = {entry.name: entry for entry in STAGES}


def stage(name: str) -> Stage:
    """Find a stage by name.

    Raises
    ------
    CouturierError
        When no stage has that name.
    """
    if name not in _BY_NAME:
        raise CouturierError(f"There is no stage {name!r}.", f"Stages: {', '.join(_BY_NAME)}.")
    return _BY_NAME[name]


def downstream(names: Iterable[str]) -> tuple[Stage, ...]:
    """Stages named, and all that read from them, in running order."""
    reached = set(names)
    for entry in STAGES:  # STAGES is in topological order
        if reached.intersection(entry.after):
            reached.add(entry.name)
    return tuple(entry for entry in STAGES if entry.name in reached)


def report_of(workspace: Workspace, name: str) -> StageReport:
    """Run one stage from its inputs on disk to its outputs on disk, whatever its checks say.

    Raises
    ------
    CouturierError
        When another run works in the workspace, or the stage's parameters changed while it ran.
    """
    entry = stage(name)
    with alone(workspace):
        params = read_params(workspace.params_file)
        report = entry.load()(workspace, params)
        # Recorded now, the outputs would pass for those of parameters they were not made with.
        since = read_params(workspace.params_file)
        if changed := [one for one in entry.sections if getattr(since, one) != getattr(params, one)]:
            raise CouturierError(
                f"params.yaml changed while {name} ran: {', '.join(changed)}.", "Run the stage again."
            )
    return report


def run_stage(workspace: Workspace, name: str) -> StageReport:
    """Run one stage as :func:`report_of` does, and stop where one of its blocking checks failed.

    Raises
    ------
    CheckFailedError
        When one did; the stage's outputs stay for a look.
    CouturierError
        As :func:`report_of` does.
    """
    report = report_of(workspace, name)
    failed = [check for check in report.checks if not check.passed]
    if failed:
        reasons = "; ".join(f"{check.name}: {check.description}" for check in failed)
        pages = " ".join(f"{title}: {link}" for title, link in report.links.items())
        raise CheckFailedError(f"{name} stopped the run. {reasons}", pages)
    return report
