"""The ``report`` stage: one self-contained page, equal bytes for equal results."""

import math
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from rec_assets.files import atomic_file
from rec_assets.params import Params
from rec_assets.pipeline import StageReport
from rec_assets.report import charts, judged, wording
from rec_assets.report.contents import Contents, read_contents
from rec_assets.report.swatches import swatch
from rec_assets.workspace import Workspace

_HERE = Path(__file__).parent


def run(workspace: Workspace, params: Params) -> StageReport:
    """Write ``data/reports/report.html``."""
    contents = read_contents(workspace, params)
    page = workspace.reports / "report.html"
    with atomic_file(page) as part:
        part.write_text(render(contents), encoding="utf-8")
    lead = judged.headline(contents.significance, contents.best_baseline)
    size = page.stat().st_size
    return StageReport(
        summary=f"One page of {size / 1024:.0f} KiB: {wording.figure(lead.mean if lead else None)} NDCG@10.",
        rows={"examples": len(contents.examples), "relations": len(contents.relations)},
        metrics={"report KiB": round(size / 1024, 1)},
        links={"Report": page.as_uri()},
    )


def render(contents: Contents) -> str:
    """Fill the template. Every value is escaped: titles may hold markup."""
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        name: getattr(wording, name)
        for name in (
            "figure",
            "signed",
            "percent",
            "count",
            "probability",
            "price",
            "day",
            "words",
            "metric",
            "one_line",
        )
    }
    environment.filters["swatch"] = swatch
    lead = judged.headline(contents.significance, contents.best_baseline)
    return environment.get_template("page.html.j2").render(
        page=contents,
        style=Markup((_HERE / "style.css").read_text()),
        lead=lead,
        own=judged.RECOMMENDER,
        tables={
            "All articles": judged.model_table(contents.metrics, judged.METRICS, masked=False),
            "First-time purchases only": judged.model_table(contents.metrics, judged.METRICS, masked=True),
            "Lists beyond accuracy": judged.model_table(contents.metrics, judged.OF_LISTS, masked=False),
        },
        slices=judged.slice_table(contents.slices, contents.best_baseline),
        interval_chart=interval_chart(contents),
        curves=curves(contents),
        relations=relations(contents),
        category_rows=category_rows(contents),
    )


def interval_chart(contents: Contents) -> Markup | None:
    """Draw every model's NDCG@10."""
    if contents.significance.empty:
        return None
    rows = contents.significance
    rows = rows[(rows["metric"] == judged.HEADLINE) & ~rows["masked"]].sort_values("mean", ascending=False)
    lines = [
        charts.Interval(
            wording.words(row["model"]),
            row["mean"],
            row["low"],
            row["high"],
            row["model"] == judged.RECOMMENDER,
        )
        for row in rows.to_dict("records")
    ]
    return charts.intervals(lines, "NDCG@10 of every model with its interval")


def curves(contents: Contents) -> list[tuple[str, Markup]]:
    """Draw what the training recorded, over epochs."""
    table = contents.training
    across = "epoch" if "epoch" in table else "step"
    drawn = []
    for column, label in (("train_loss", "Training loss"), ("validation_ndcg@10", "Validation NDCG@10")):
        if column in table and across in table:
            known = table[[across, column]].dropna()
            points = [(float(a), float(b)) for a, b in known.itertuples(index=False)]
            if points:
                drawn.append((f"{label}, by {across}", charts.curve(points, label)))
    return drawn


def relations(contents: Contents) -> list[dict[str, Any]]:
    """Give each relation with its track, all on one scale."""
    table = contents.relations
    if table.empty:
        return []
    most = table[["expected", "model", "popularity"]].max().max()
    most = 1.0 if math.isnan(most) else most
    return [
        {str(name): value for name, value in row.items()}
        | {"track": charts.track(row["expected"], row["model"], row["popularity"], most)}
        for row in table.to_dict("records")
    ]


def category_rows(contents: Contents) -> list[dict[str, Any]]:
    """Give recall@10 by category, the recommender beside the best baseline, the largest twelve."""
    table = contents.categories
    if table.empty:
        return []
    table = table[~table["masked"]]
    best = table[table["model"] == contents.best_baseline].set_index("category")["recall@10"]
    own = table[table["model"] == judged.RECOMMENDER].head(12)
    most = max(own["recall@10"].max(), best.reindex(own["category"]).fillna(0).max(), 1e-9)
    return [
        {
            "category": row["category"],
            "purchases": row["purchases"],
            "own": row["recall@10"],
            "best": best.get(row["category"]),
            "most": most,
        }
        for row in own.to_dict("records")
    ]
