"""The ``evaluation`` stage: model and baselines judged on the same customers, lists and truth."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from rec_assets.columns import MASKED, MODEL
from rec_assets.evaluation.discovered import discover
from rec_assets.evaluation.holdout import Holdout, read_holdout
from rec_assets.evaluation.lists import RECOMMENDER, ranking_files, read_lists
from rec_assets.evaluation.planted import RELATIONS_FILE, planted
from rec_assets.evaluation.plots import plot_categories, plot_cutoffs, plot_intervals, plot_relations
from rec_assets.evaluation.relations import FOLLOWED, RULE, measure
from rec_assets.evaluation.scores import score_customers, score_lists, score_table
from rec_assets.evaluation.significance import significance
from rec_assets.evaluation.slices import judge_slices, recall_by_category, slices, with_leads
from rec_assets.files import atomic_folder, write_json, write_table
from rec_assets.params import Params
from rec_assets.pipeline import StageReport
from rec_assets.workspace import Workspace

HEADLINE = 10  # the cutoff of slices, significance, learned relations and promotion; always among the cutoffs
MAIN_METRICS = (
    *(f"{name}@{HEADLINE}" for name in ("ndcg", "recall", "hit_rate", "map", "mrr", "revenue")),
    *(f"{name}@{HEADLINE}" for name in ("coverage", "novelty", "diversity")),
)


@dataclass(frozen=True)
class Judgement:
    """Every table of the evaluation."""

    per_customer: pd.DataFrame
    metrics: pd.DataFrame
    slices: pd.DataFrame
    categories: pd.DataFrame
    relations: pd.DataFrame


def run(workspace: Workspace, params: Params) -> StageReport:
    """Judge all ranked lists; write ``data/reports/evaluation`` and ``data/reports/metrics.json``.

    Raises
    ------
    TableError
        When the recommender's lists or another input are missing or damaged.
    """
    settings = params.evaluation
    cutoffs = tuple(sorted({*settings.cutoffs, HEADLINE}))
    holdout = read_holdout(workspace, settings.max_customers, params.run.seed)
    judgement = judge(workspace, holdout, cutoffs, settings.short_history)
    sure = significance(
        judgement.per_customer,
        (f"ndcg@{HEADLINE}", f"recall@{HEADLINE}"),
        settings.bootstrap_samples,
        settings.confidence,
        params.run.seed,
    )
    sliced = with_leads(judgement.slices, settings.bootstrap_samples, settings.confidence, params.run.seed)
    flat = flatten(judgement.metrics)
    best = best_baseline(flat)
    folder = workspace.reports / "evaluation"
    with atomic_folder(folder) as part:
        write_table(judgement.per_customer, part / "per_customer.parquet")
        for name, table in (
            ("metrics", judgement.metrics),
            ("slices", sliced),
            ("significance", sure),
            ("recall_by_category", judgement.categories),
            ("learned_relations", judgement.relations),
        ):
            table.to_csv(part / f"{name}.csv", index=False, lineterminator="\n")
        write_json(describe(holdout, settings.confidence), part / "holdout.json")
        draw(part, judgement, sure, best)
    write_json({**flat, "best_baseline": best}, workspace.reports / "metrics.json")
    return stage_report(folder, holdout, flat, best, judgement)


def judge(workspace: Workspace, holdout: Holdout, cutoffs: tuple[int, ...], short_history: int) -> Judgement:
    """Judge each model in both modes, one file at a time."""
    parts = list(slices(holdout, short_history))
    per_customer, metrics, sliced, categories = [], [], [], []
    relations = pd.DataFrame()
    for model, path in tqdm(ranking_files(workspace).items(), desc="Judging ranked lists", unit="model"):
        for lists in read_lists(path, model, holdout):
            scored = score_customers(lists, holdout, cutoffs)
            if scored.empty:  # masked, and every purchase of the window is a repeat
                continue
            per_customer.append(scored)
            metrics.append(score_table(lists, scored, score_lists(lists, holdout, cutoffs)))
            sliced.append(judge_slices(lists, holdout, parts, HEADLINE))
            categories.append(recall_by_category(lists, holdout, cutoffs))
            if model == RECOMMENDER and not lists.masked:
                dated = holdout.windows.get("as_of") is not None
                stated = dated and (workspace.truth / RELATIONS_FILE).exists()
                found = planted(workspace.truth, holdout) if stated else discover(holdout)
                relations = measure(found, lists, holdout, HEADLINE)
    return Judgement(
        per_customer=pd.concat(per_customer, ignore_index=True),
        metrics=pd.concat(metrics, ignore_index=True),
        slices=pd.concat(sliced, ignore_index=True),
        categories=pd.concat(categories, ignore_index=True),
        relations=relations,
    )


def flatten(metrics: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Give ``{model: {"ndcg@10": value, "ndcg@10/masked": value, …}}``, undefined values left out."""
    metrics = metrics.dropna(subset="value")
    names = (
        metrics["metric"]
        + "@"
        + metrics["cutoff"].astype(str)
        + metrics[MASKED].map({True: "/masked", False: ""})
    )
    flat: dict[str, dict[str, float]] = {}
    for model, name, value in zip(metrics[MODEL], names, metrics["value"], strict=True):
        flat.setdefault(model, {})[name] = float(value)
    return flat


def best_baseline(flat: Mapping[str, Mapping[str, float]]) -> str | None:
    """Name the baseline with the highest NDCG@10, unmasked; none where no baseline was judged."""
    rivals = {model: values[f"ndcg@{HEADLINE}"] for model, values in flat.items() if model != RECOMMENDER}
    return max(sorted(rivals), key=lambda name: rivals[name]) if rivals else None


def describe(holdout: Holdout, confidence: float) -> dict[str, object]:
    """Say what was judged and by which conventions, for readers of the tables."""
    return {
        "as_of": holdout.windows.get("as_of"),
        "strategy": holdout.windows.get("strategy"),
        "customers": len(holdout.customers),
        "catalogue": len(holdout.articles),
        "purchases": len(holdout.purchases),
        "repeat_purchases": int(holdout.purchases["seen"].sum()),
        "confidence": confidence,
        "conventions": {
            "candidates": "the full catalogue, no sampled negatives",
            "relevant": "distinct SKUs of the holdout basket; masked lists: those not bought before as_of",
            "recall": "|hits| / |relevant|",
            "ndcg": "binary, 1 / log2(rank + 1), ideal list truncated at k",
            "learned relations": RULE,
        },
    }


def draw(folder: Path, judgement: Judgement, sure: pd.DataFrame, best: str | None) -> None:
    """Write the plots."""
    plot_intervals(sure, f"ndcg@{HEADLINE}", folder / "ndcg_intervals.png")
    plot_cutoffs(judgement.metrics, "recall", folder / "recall_at_cutoffs.png")
    plot_categories(judgement.categories, best, f"recall@{HEADLINE}", folder / "recall_by_category.png")
    plot_relations(judgement.relations, folder / "learned_relations.png")


def stage_report(
    folder: Path, holdout: Holdout, flat: dict[str, dict[str, float]], best: str | None, judgement: Judgement
) -> StageReport:
    """Sum up: the recommender against the best baseline, the main metrics, the relations."""
    headline = f"ndcg@{HEADLINE}"
    own = flat[RECOMMENDER]
    table = pd.DataFrame(
        {model: {name: values.get(name) for name in MAIN_METRICS} for model, values in flat.items()}
    ).T.sort_values(headline, ascending=False, kind="stable")
    against = f"best baseline {best} {flat[best][headline]:.4f}" if best else "no baseline was judged"
    followed = int((judgement.relations["verdict"] == FOLLOWED).sum())
    return StageReport(
        summary=(
            f"NDCG@{HEADLINE} {own[headline]:.4f}, {against}; {followed} of {len(judgement.relations)} "
            f"relations followed; {len(holdout.customers)} customers, "
            f"{len(holdout.articles)} candidates each."
        ),
        rows={"customers": len(holdout.customers), "purchases": len(holdout.purchases), "models": len(flat)},
        metrics=own,
        tables={
            "models": table.rename_axis(MODEL).reset_index().round(4),
            "learned relations": judgement.relations.round(3),
        },
        plots=tuple(sorted(folder.glob("*.png"))),
    )
