"""Stage ``classifier_heads``: the customers' heads, and the checks that every head has to pass.

Nothing but the report follows it: a weak head is told, and never stops a better recommender.
"""

from typing import Any

import pandas as pd
import torch

from rec_assets import columns as c
from rec_assets.errors import ParamsError
from rec_assets.files import atomic_folder, read_json, read_table, write_json
from rec_assets.generation.id_folder import scheme_of
from rec_assets.heads.head_page import write_page
from rec_assets.heads.next_purchase import Labels, answers, choose_temperatures
from rec_assets.heads.summary import summarised
from rec_assets.heads.verdict import checks
from rec_assets.params import Head, Params
from rec_assets.pipeline import StageReport
from rec_assets.ranking.one_pass import OnePassRanker
from rec_assets.workspace import Workspace


def run(workspace: Workspace, params: Params) -> StageReport:
    """Judge the heads on customers by the test customers' next purchase, and check these and the articles'.

    Writes ``data/reports/customer_heads/<name>`` and ``heads.json`` beside them.

    Raises
    ------
    ParamsError
        When a head's label is no feature of articles.
    """
    torch.set_num_threads(params.run.threads)
    heads = {name: head for name, head in params.heads.items() if head.table == "customers"}
    judged: dict[str, dict[str, Any]] = {}
    skipped: dict[str, str] = {}
    reports = workspace.reports / "customer_heads"
    with atomic_folder(reports) as pages:
        if heads:
            judged, skipped = _judge(workspace, params, heads, pages)
        write_json({"heads": judged, "skipped": skipped}, pages / "heads.json")
    report = summarised(judged, skipped, reports)
    on_articles = read_json(workspace.reports / "heads" / "heads.json")
    both = on_articles["heads"] | judged
    return StageReport(
        summary=report.summary,
        rows=report.rows,
        metrics=report.metrics,
        tables=report.tables,
        plots=report.plots,
        checks=checks(both, len(skipped) + len(on_articles["skipped"])),
    )


def _judge(
    workspace: Workspace, params: Params, heads: dict[str, Head], pages: Any
) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    articles = read_table(workspace.behaviour / "articles.parquet")
    _check_labels(heads, articles)
    if (scheme := scheme_of(workspace.vocabulary)) != "sku":
        return {}, dict.fromkeys(heads, f"a recommender of {scheme} tokens gives no probability to every SKU")
    ranker = OnePassRanker.load(
        workspace.recommender, workspace.base_model, workspace.vocabulary, params.ranking
    )
    # As in the holdout's lists: what is sold out today may have been bought then.
    barred = ranker.barred(set(articles[c.SKU]), retired=False).numpy()
    labels = {name: Labels.of(articles, head.label, ranker.registry, barred) for name, head in heads.items()}
    skipped = {
        name: f"articles have {len(own.names)} {heads[name].label}; a classifier needs two"
        for name, own in labels.items()
        if len(own.names) < 2
    }
    prompts = _sample(read_table(workspace.prompts / "test.parquet"), heads, params.run.seed)
    skipped |= {
        name: f"{len(prompts)} test customers, fewer than min_rows {head.min_rows}"
        for name, head in heads.items()
        if len(prompts) < head.min_rows
    }
    kept = {name: head for name, head in heads.items() if name not in skipped}
    if not kept:
        return {}, skipped
    events = read_table(workspace.behaviour / "events.parquet", [c.CUSTOMER, c.SKU, c.SPLIT])
    own = {name: labels[name] for name in kept}
    validation = _sample(read_table(workspace.prompts / "validation.parquet"), heads, params.run.seed)
    temperatures = choose_temperatures(
        ranker.scores(validation, "reading validation customers"), own, validation, ranker.registry
    )
    answered = answers(
        ranker.scores(prompts, "reading customers"),
        own,
        temperatures,
        prompts,
        ranker.registry,
        events[events[c.SPLIT] != "test"],
    )
    judged = {}
    for name, said in answered.items():
        if not len(said.truth):
            skipped[name] = f"the {kept[name].label} of no next purchase is known"
            continue
        rows = {"customers": len(prompts), "test": len(said.truth)}
        more = {"rows": rows, "mode": "recommender", "temperature": temperatures[name]}
        judged[name] = write_page(pages / name, name, said, kept[name], more)
    return judged, skipped


def _sample(prompts: pd.DataFrame, heads: dict[str, Head], seed: int) -> pd.DataFrame:
    """Keep as many customers as the head that reads most of them; the others share the pass."""
    most = max(head.max_rows for head in heads.values())
    if len(prompts) <= most:
        return prompts
    return prompts.sample(most, random_state=seed).sort_index().reset_index(drop=True)


def _check_labels(heads: dict[str, Head], articles: pd.DataFrame) -> None:
    for name, head in heads.items():
        if head.label not in articles:
            raise ParamsError(
                f"heads.{name}.label is {head.label!r}, which is no feature of articles. "
                f"Features: {', '.join(str(column) for column in articles if column != c.SKU)}.",
                f"Change heads.{name}.label in params.yaml.",
            )
