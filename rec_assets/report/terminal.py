"""What ``couturier run`` prints at its end: plain text, for any terminal."""

from collections.abc import Sequence

import pandas as pd

from rec_assets.report import wording
from rec_assets.report.contents import csv_or_empty, json_or_none, listed_by
from rec_assets.report.examples import Card, read_examples
from rec_assets.report.judged import HEADLINE, RECOMMENDER, headline, model_table
from rec_assets.workspace import Workspace

_METRICS = (
    "ndcg@10",
    "recall@10",
    "hit_rate@10",
    "map@10",
    "mrr@10",
    "revenue@10",
    "coverage@10",
    "novelty@10",
)
_SIGN = {"followed": "✓", "partly": "~", "not followed": "✗"}


def grid(rows: Sequence[Sequence[str]], heads: Sequence[str], left: Sequence[int] = (0,)) -> str:
    """Align columns, to the right except those in ``left``.

    Examples
    --------
    >>> print(grid([["popular", "0.01"], ["ease", "0.2"]], ["model", "ndcg"]))
    model    ndcg
    -------  ----
    popular  0.01
    ease      0.2
    """
    table = [list(heads), *map(list, rows)]
    widths = [max(len(row[i]) for row in table) for i in range(len(heads))]
    table.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i in left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in table
    )


def metrics_table(workspace: Workspace, *, masked: bool = False) -> str:
    """Print every model's main metrics, best first, the recommender marked with an arrow."""
    evaluation = workspace.reports / "evaluation"
    table = model_table(csv_or_empty(evaluation / "metrics.csv"), _METRICS, masked=masked)
    if table.empty:
        return "No evaluation yet: couturier stage evaluation"
    rows = [
        [
            ("→ " if model == RECOMMENDER else "  ") + str(model),
            *(wording.figure(row[name], 2 if "novelty" in name else 4) for name in table.columns),
        ]
        for model, row in table.iterrows()
    ]
    text = grid(rows, ["  model", *map(wording.metric, table.columns)])
    best = (json_or_none(workspace.reports / "metrics.json") or {}).get("best_baseline")
    lead = headline(csv_or_empty(evaluation / "significance.csv"), best)
    if not masked and lead and lead.against:
        text += (
            f"\n\n{wording.metric(HEADLINE)} {wording.signed(lead.difference)} against {lead.against} "
            f"({wording.signed(lead.difference_low)} to {wording.signed(lead.difference_high)}, "
            f"{wording.probability(lead.p_value)})"
        )
    return text


def relations_table(workspace: Workspace) -> str:
    """Print how each relation shows in the holdout, in the lists, and in a list of best-sellers."""
    table = csv_or_empty(workspace.reports / "evaluation" / "learned_relations.csv")
    if table.empty:
        return "No relations were measured."
    rows = [
        [
            wording.one_line(row["relation"], 52),
            wording.percent(row["popularity"]),
            wording.percent(row["expected"]),
            wording.percent(row["model"]),
            f"{_SIGN.get(row['verdict'], '?')} {row['verdict']}",
        ]
        for row in table.to_dict("records")
    ]
    return grid(rows, ["relation", "best-sellers", "expected", "model", "verdict"], left=(0, 4))


def example_recommendations(workspace: Workspace, count: int = 10, seed: int = 7) -> str:
    """Print ``count`` customers with their newest purchases and first recommendations."""
    if not (workspace.recommendations / "lists.parquet").exists():
        return "No recommendations yet: couturier stage recommendations"
    examples = read_examples(workspace, workspace.item_texts, customers=count, history=3, listed=5, seed=seed)
    blocks = []
    for example in examples:
        who = ", ".join((*example.who, f"{example.purchases} purchases"))
        lines = [f"{wording.one_line(example.customer, 40)} ({wording.one_line(who, 80)})"]
        past = "; ".join(spoken(card) for card in example.history) or "nothing yet"
        lines.append(f"  bought  {past}")
        for rank, card in enumerate(example.listed, start=1):
            tags = f"  [{wording.one_line(', '.join(card.tags), 60)}]" if card.tags else ""
            lines.append(f"  {rank:>6}  {spoken(card, 60)}{tags}")
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def spoken(card: Card, width: int = 36) -> str:
    """Name an article on one line, with its price."""
    known = pd.notna(card.price) and card.price is not None
    return wording.one_line(card.title, width) + (f" {wording.price(card.price)}" if known else "")


def final_printout(workspace: Workspace) -> str:
    """Put together what a run prints at its end."""
    parts = {
        "Model and baselines (all articles, bought-before included)": metrics_table(workspace),
        "Learned relations": relations_table(workspace),
        f"Ten customers, by {listed_by(workspace)}": example_recommendations(workspace),
    }
    return "\n\n".join(f"{title}\n{'=' * len(title)}\n{text}" for title, text in parts.items())
