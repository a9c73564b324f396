"""Stage ``attribute_heads``: classifiers cut out of the decoder read attributes off the articles' texts.

It runs before anything is made of the articles, so that what they lack can be filled. Whether the heads hold
against their baselines is checked by the later stage ``classifier_heads``: a weak head fills nothing, and
stops no retraining.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from rec_assets.backbone.load import load_base, load_tokenizer
from rec_assets.columns import INTRODUCED, SKU
from rec_assets.features.filled import filled_path
from rec_assets.files import atomic_folder, read_json, read_table, write_json, write_table
from rec_assets.heads.beside_base import save_beside_base
from rec_assets.heads.examples import Examples, check_label_words, choose_examples
from rec_assets.heads.filling import fill_missing, one_answer
from rec_assets.heads.head_page import write_explained, write_page
from rec_assets.heads.judged_head import train_head
from rec_assets.heads.language_model import LanguageModel
from rec_assets.heads.summary import summarised
from rec_assets.heads.verdict import MAJORITY
from rec_assets.params import Params
from rec_assets.pipeline import StageReport
from rec_assets.workspace import Workspace


def run(workspace: Workspace, params: Params) -> StageReport:
    """Train and judge every head on articles; one with too few rows is left out, with the reason.

    Nothing but the catalogue is read, and of it no label or text of an article that enters it after
    ``as_of`` takes part in training or judging; where it does not say when, an article must have been bought
    before. Missing attributes of the others are filled like theirs.

    Writes ``data/models/heads/<name>``, ``data/reports/heads/<name>``, ``heads.json`` in both, and
    ``data/features/filled_attributes.parquet``.

    Raises
    ------
    TableError
        When a head names a column its table does not have.
    ParamsError
        When a head has words for a label that no article has, or ``fine_tuning`` does not fit.
    """
    torch.set_num_threads(params.run.threads)
    heads = {name: head for name, head in params.heads.items() if head.table == "articles"}
    articles = read_table(workspace.validated / "articles.parquet")
    known = articles[_known(articles, workspace)]
    for name, head in heads.items():
        check_label_words(articles, head, name)
    found: dict[str, Examples | str] = {
        name: choose_examples(known, head, name, params.run.seed) for name, head in heads.items()
    }
    usable = {name: examples for name, examples in found.items() if not isinstance(examples, str)}
    skipped = {name: examples for name, examples in found.items() if isinstance(examples, str)}
    reports = workspace.reports / "heads"
    judged: dict[str, dict[str, Any]] = {}
    filled: list[pd.DataFrame] = []
    with atomic_folder(workspace.heads) as models, atomic_folder(reports) as pages:
        if usable:
            language = _language(workspace)
            with language.remembering({}):  # heads of one prompt and layer read a text once
                for name, examples in usable.items():
                    judged[name], parts = _one(language, params, name, examples, articles, models, pages)
                    filled.append(parts)
        write_json({"heads": sorted(judged), "skipped": skipped}, models / "heads.json")
        write_json({"heads": judged, "skipped": skipped}, pages / "heads.json")
    table = one_answer(filled)
    write_table(table, filled_path(workspace))
    report = summarised(judged, skipped, reports)
    return StageReport(
        summary=f"{report.summary} {int(table['kept'].sum()):,} missing attributes filled.",
        rows={**report.rows, "missing and read": len(table), "filled": int(table["kept"].sum())},
        metrics=report.metrics,
        tables={**report.tables, "filled": _filled_counts(table)},
        plots=report.plots,
    )


def _language(workspace: Workspace) -> LanguageModel:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    folder = workspace.base_model
    # Read anew, not shared: since an earlier run in this process another model may lie there.
    return LanguageModel(load_base(folder, device=device), load_tokenizer(folder), folder)


def _one(
    language: LanguageModel,
    params: Params,
    name: str,
    examples: Examples,
    articles: pd.DataFrame,
    models: Path,
    pages: Path,
) -> tuple[dict[str, Any], pd.DataFrame]:
    head, seed = params.heads[name], params.run.seed
    classifier, answers = train_head(language, head, name, examples, seed)
    save_beside_base(classifier, models / name)
    test = int(examples.test.sum())
    rows = examples.rows | {"train": len(examples.texts) - test, "test": test}
    more = {"rows": rows, "mode": classifier.mode_}
    metrics = write_page(pages / name, name, answers, head, more)
    # One that knows no more than the most frequent label has nothing to say about a single article.
    useful = metrics["head"]["accuracy"] > metrics[MAJORITY]["accuracy"]
    with language.remembering(None):  # texts that no other head reads
        write_explained(pages / name, classifier, examples, answers, seed)
        filled = fill_missing(classifier, articles, head, trusted=useful and not metrics["falls_short"])
    return metrics, filled


def _known(articles: pd.DataFrame, workspace: Workspace) -> np.ndarray:
    """Mark articles that existed before ``as_of``.

    Known to have existed are articles introduced before it; where the retailer does not say when, those
    bought before it.
    """
    as_of = read_json(workspace.splits / "windows.json")["as_of"]
    if as_of is None:
        return np.ones(len(articles), dtype=bool)
    introduced = pd.Series(pd.NaT, index=articles.index)
    if INTRODUCED in articles:
        introduced = articles[INTRODUCED]
    known: np.ndarray = (introduced < pd.Timestamp(as_of)).to_numpy()
    undated = introduced.isna().to_numpy()
    if undated.any():
        past = [read_table(workspace.splits / f"{name}.parquet", [SKU]) for name in ("train", "validation")]
        known |= undated & articles[SKU].isin(pd.concat(past)[SKU].unique()).to_numpy()
    return known


def _filled_counts(table: pd.DataFrame) -> pd.DataFrame:
    counts = table.groupby("column", as_index=False).agg(missing=(SKU, "size"), filled=("kept", "sum"))
    return counts.astype({"column": object})
