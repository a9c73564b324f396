"""What the page shows, read from the reports of the other stages; a part that is not there is none."""

import base64
import json
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pandas as pd

from rec_assets.files import content_hash
from rec_assets.params import Params
from rec_assets.report.examples import Example, read_examples
from rec_assets.workspace import Workspace

_LIBRARIES = (
    "couturier",
    "torch",
    "transformers",
    "trl",
    "peft",
    "bitsandbytes",
    "lenskit",
    "great-expectations",
    "dagster",
)
_HASHED = (
    "data/validated",
    "data/features/behaviour",
    "data/models/recommender",
    "data/recommendations",
    "data/reports/evaluation",
)
# What the page prints of params.yaml; pipeline.py declares the same sections for the stage.
_PARAMS = ("splits", "prompts", "base_model", "training", "evaluation", "promotion")


@dataclass(frozen=True)
class Head:
    """One classifier: its figures, its plots as data URIs, and explained test rows."""

    name: str
    figures: dict[str, Any]
    rules: list[tuple[str, dict[str, float]]]
    plots: list[tuple[str, str]]
    explained: list[dict[str, Any]]


@dataclass(frozen=True)
class Contents:
    """Everything on the page. Frames are empty, and values none, where a stage left nothing."""

    metrics: pd.DataFrame
    significance: pd.DataFrame
    slices: pd.DataFrame
    categories: pd.DataFrame
    relations: pd.DataFrame
    holdout: dict[str, Any]
    best_baseline: str | None
    promotion: dict[str, Any] | None
    training: pd.DataFrame
    examples: list[Example]
    listed_by: str
    validation: dict[str, Any] | None
    trends: dict[str, Any] | None
    trend_plots: list[str]
    heads: list[Head]
    source: str
    hashes: dict[str, str]
    libraries: dict[str, str]
    parameters: dict[str, dict[str, Any]]


def read_contents(workspace: Workspace, params: Params) -> Contents:
    """Read every report there is."""
    reports = workspace.reports
    evaluation = reports / "evaluation"
    lists = workspace.recommendations / "lists.parquet"
    titles = workspace.validated / "articles.parquet"
    trends = json_or_none(reports / "trends" / "trends.json")
    return Contents(
        metrics=csv_or_empty(evaluation / "metrics.csv"),
        significance=csv_or_empty(evaluation / "significance.csv"),
        slices=csv_or_empty(evaluation / "slices.csv"),
        categories=csv_or_empty(evaluation / "recall_by_category.csv"),
        relations=csv_or_empty(evaluation / "learned_relations.csv"),
        holdout=json_or_none(evaluation / "holdout.json") or {},
        best_baseline=(json_or_none(reports / "metrics.json") or {}).get("best_baseline"),
        promotion=json_or_none(reports / "promotion.json"),
        training=csv_or_empty(reports / "training_curve.csv"),
        examples=read_examples(workspace, titles, customers=6, history=4, listed=5, seed=params.run.seed)
        if lists.exists()
        else [],
        listed_by=listed_by(workspace),
        validation=json_or_none(reports / "validation.json"),
        trends=trends,
        trend_plots=[data_uri(path) for path in sorted((reports / "trends").glob("*.png"))]
        if trends and trends.get("measures")
        else [],
        heads=[*read_heads(reports / "heads"), *read_heads(reports / "customer_heads")],
        source=params.source.kind,
        hashes={
            name: content_hash(workspace.root / name)[:16]
            for name in _HASHED
            if (workspace.root / name).exists()
        },
        libraries=libraries(),
        parameters={name: flattened(getattr(params, name).model_dump(mode="json")) for name in _PARAMS},
    )


def listed_by(workspace: Workspace) -> str:
    """Say which model wrote the lists that customers are shown."""
    champion = (json_or_none(workspace.recommendations / "model.json") or {}).get("champion")
    return f"the champion, model {champion}" if champion else "the newest model; there is no champion yet"


def csv_or_empty(path: Path) -> pd.DataFrame:
    """Read a table of a report; a name such as ``None`` or ``NA`` stays text, an empty cell is no number."""
    if not path.exists():
        return pd.DataFrame()
    return pd.read_csv(path, keep_default_na=False, na_values=[""])


def json_or_none(path: Path) -> Any:
    """Read a report, if there is one."""
    return json.loads(path.read_text()) if path.exists() else None


def read_heads(folder: Path) -> list[Head]:
    """Read every classifier's figures."""
    heads = []
    for path in sorted(folder.glob("*/metrics.json")):
        figures = json.loads(path.read_text())
        name = path.parent.name
        named = (("Confusion matrix", "confusion"), ("Calibration", "calibration"))
        pictures = [(title, path.parent / f"{kind}_{name}.png") for title, kind in named]
        heads.append(
            Head(
                name,
                figures,
                [(rule, figures[rule]) for rule in ("head", "majority", figures["baseline"])],
                [(title, data_uri(picture)) for title, picture in pictures if picture.exists()],
                [
                    row | {"pieces": coloured(row["text"], row["parts"])}
                    for row in json_or_none(path.parent / "explained.json") or []
                ],
            )
        )
    return heads


def coloured(text: str, parts: list[list[Any]]) -> list[tuple[str, float | None]]:
    """Cut an explained text at its parts, each with its score over the strongest one's, between -1 and 1.

    Examples
    --------
    >>> coloured("red coat.", [["red", 0, -0.5], ["coat.", 4, 2.0]])
    [('red', -0.25), (' ', None), ('coat.', 1.0)]
    """
    strongest = max((abs(score) for _, _, score in parts), default=0.0) or 1.0
    pieces: list[tuple[str, float | None]] = []
    end = 0
    for word, offset, score in parts:
        pieces += [(text[end:offset], None), (word, score / strongest)]
        end = offset + len(word)
    pieces.append((text[end:], None))
    return [piece for piece in pieces if piece[0]]


def data_uri(path: Path) -> str:
    """Embed a PNG."""
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()


def libraries() -> dict[str, str]:
    """Versions of what shaped the figures, without importing it."""
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # run from a checkout that was not installed
            found[name] = "not installed"
    return found


def flattened(section: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Give nested parameters dotted names.

    Examples
    --------
    >>> flattened({"lora": {"rank": 8}, "epochs": 3})
    {'lora.rank': 8, 'epochs': 3}
    """
    flat: dict[str, Any] = {}
    for name, value in section.items():
        if isinstance(value, dict):
            flat |= flattened(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = ", ".join(map(str, value)) if isinstance(value, list) else value
    return flat
