"""Stage ``classifier_heads``: text classifiers cut out of the language model's decoder."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from rec_assets.backbone.load import load_base, load_tokenizer
from rec_assets.files import atomic_folder, read_table, write_json
from rec_assets.heads.examples import Examples, choose_examples
from rec_assets.heads.judge import confusion, majority, plot_confusion, scores, word_model
from rec_assets.heads.label_head import LabelHead
from rec_assets.heads.states import encode, last_states
from rec_assets.params import Head, Params
from rec_assets.pipeline import Check, StageReport
from rec_assets.workspace import Workspace

_CHECK = "beats_majority"


def run(workspace: Workspace, params: Params) -> StageReport:
    """Train and judge every head of ``params.heads``; one with too few rows is left out, with the reason.

    Writes ``data/models/heads/<name>`` and ``data/reports/heads/<name>``, and ``heads.json`` in both.

    Raises
    ------
    TableError
        When a head names a column its table does not have.
    """
    torch.set_num_threads(params.run.threads)
    found: dict[str, Examples | str] = {
        name: choose_examples(read_table(_table(workspace, head)), head, name, params.run.seed)
        for name, head in params.heads.items()
    }
    skipped = {name: examples for name, examples in found.items() if isinstance(examples, str)}
    reports = workspace.reports / "heads"
    judged: dict[str, dict[str, Any]] = {}
    with atomic_folder(workspace.heads) as models, atomic_folder(reports) as pages:
        if len(skipped) < len(found):
            device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
            model = load_base(workspace.base_model, device=device)
            tokenizer = load_tokenizer(workspace.base_model)
        for name, examples in found.items():
            if not isinstance(examples, str):
                judged[name] = _train(
                    model, tokenizer, params.heads[name], name, examples, params.run.seed, models, pages
                )
        write_json({"heads": sorted(judged), "skipped": skipped}, models / "heads.json")
        write_json({"heads": judged, "skipped": skipped}, pages / "heads.json")
    return _report(judged, skipped, reports)


def _table(workspace: Workspace, head: Head) -> Path:
    return workspace.validated / f"{head.table}.parquet"


def _train(
    model: Any,
    tokenizer: Any,
    head: Head,
    name: str,
    examples: Examples,
    seed: int,
    models: Path,
    pages: Path,
) -> dict[str, Any]:
    """Train one head, write it and its page, and give its metrics."""
    rows = [encode(tokenizer, head.prompt, text) for text in examples.texts]
    states = last_states(model, rows, f"{name} texts")
    targets, test = examples.targets, examples.test
    classifier = LabelHead.from_label_words(model, tokenizer, examples.labels, head.prompt)
    untrained = classifier.predict(states[test]).numpy()
    losses = classifier.fit(
        states[~test],
        torch.from_numpy(targets[~test]),
        epochs=head.epochs,
        learning_rate=head.learning_rate,
        seed=seed,
    )
    predicted = classifier.predict(states[test]).numpy()
    texts = np.array(examples.texts, dtype=object)
    words = word_model(list(texts[~test]), targets[~test], list(texts[test]), seed)
    metrics: dict[str, Any] = {
        "head": scores(targets[test], predicted),
        "label words, untrained": scores(targets[test], untrained),
        "majority": scores(targets[test], majority(targets[~test], int(test.sum()))),
        "TF-IDF and logistic regression": scores(targets[test], words),
        "labels": len(examples.labels),
        "rows": examples.rows | {"train": int((~test).sum()), "test": int(test.sum())},
        "loss": losses[-1:],
        "decoder": classifier.decoder.report(),
    }
    (models / name).mkdir()
    classifier.save(models / name)
    counts = confusion(targets[test], predicted, examples.labels)
    (pages / name).mkdir()
    counts.to_csv(pages / name / "confusion.csv")
    title = f"{name}: accuracy {metrics['head']['accuracy']:.3f} on {int(test.sum())} test rows"
    plot_confusion(counts, title, pages / name / "confusion.png")
    write_json(metrics, pages / name / "metrics.json")
    return metrics


def _report(judged: dict[str, dict[str, Any]], skipped: dict[str, str], reports: Path) -> StageReport:
    rules = ("head", "label words, untrained", "majority", "TF-IDF and logistic regression")
    table = pd.DataFrame(
        [
            {"head": name, "classifier": rule} | metrics[rule]
            for name, metrics in judged.items()
            for rule in rules
        ],
        columns=["head", "classifier", "accuracy", "macro_f1"],
    )
    losers = [
        name
        for name, metrics in judged.items()
        if metrics["head"]["accuracy"] <= metrics["majority"]["accuracy"]
    ]
    told = [f"{name}: accuracy {metrics['head']['accuracy']:.3f}" for name, metrics in judged.items()]
    told += [f"{name}: left out, {reason}" for name, reason in skipped.items()]
    return StageReport(
        summary="; ".join(told) + "." if told else "No heads are configured (heads in params.yaml).",
        rows={
            f"{name} {part}": metrics["rows"][part]
            for name, metrics in judged.items()
            for part in ("train", "test")
        },
        metrics={
            f"{name}_{score}": value
            for name, metrics in judged.items()
            for score, value in metrics["head"].items()
        },
        tables={"classifiers": table},
        plots=[reports / name / "confusion.png" for name in judged],
        checks=[
            Check(
                _CHECK,
                not losers,
                f"Not above the most frequent label: {', '.join(losers)}."
                if losers
                else f"{len(judged)} heads are above the most frequent label, {len(skipped)} were left out.",
                {
                    name: metrics["head"]["accuracy"] - metrics["majority"]["accuracy"]
                    for name, metrics in judged.items()
                },
            )
        ],
    )
