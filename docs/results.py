"""Write the README's result table from the last run: python docs/results.py."""

import os
from pathlib import Path

import pandas as pd

from rec_assets.backbone.precision import choose_precision
from rec_assets.files import read_json
from rec_assets.workspace import Workspace

BEGIN, END = "<!-- results -->", "<!-- /results -->"
SHOWN = {
    "ndcg@10": "NDCG@10",
    "recall@10": "Recall@10",
    "hit_rate@10": "Hit rate@10",
    "revenue@10": "Revenue captured@10",
    "coverage@10": "Coverage@10",
}


def table(workspace: Workspace) -> str:
    """Give every model of ``data/reports/metrics.json`` as a row, best NDCG@10 first."""
    models = {
        name: figures
        for name, figures in read_json(workspace.reports / "metrics.json").items()
        if isinstance(figures, dict)
    }
    lines = ["| Model | " + " | ".join(SHOWN.values()) + " |", "|---" * (len(SHOWN) + 1) + "|"]
    for name, figures in sorted(models.items(), key=lambda entry: -entry[1]["ndcg@10"]):
        cells = " | ".join(f"{figures[metric]:.4f}" if metric in figures else "–" for metric in SHOWN)
        label = f"**{name}**" if name == "couturier" else name
        lines.append(f"| {label} | {cells} |")
    return "\n".join(lines)


def lead(workspace: Workspace) -> str:
    """Say how sure the lead over the best baseline is."""
    best = read_json(workspace.reports / "metrics.json")["best_baseline"]
    sure = pd.read_csv(workspace.reports / "evaluation" / "significance.csv")
    row = sure[(sure["model"] == best) & (sure["metric"] == "ndcg@10") & ~sure["masked"]].iloc[0]
    return (
        f"The lead over {best} is\n{row['difference']:+.4f} NDCG@10, 95 % interval "
        f"{row['difference_low']:+.4f} to {row['difference_high']:+.4f}, p = {row['p_value']:.2g}."
    )


def with_results(text: str, workspace: Workspace) -> str:
    """Put the table between the README's marks, with how to reproduce it."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    holdout = read_json(workspace.reports / "evaluation" / "holdout.json")
    cores = len(os.sched_getaffinity(0))  # as PyTorch counts them: run this as `make run` was run
    say = (
        f"`make run` on the synthetic retailer: {holdout['customers']:,} customers of the test window, "
        "the whole catalogue ranked,\narticles bought before included. `couturier status` prints it; "
        "`data/reports/report.html` has intervals, slices\n"
        "and the planted relations that the model follows and those it does not. "
        f"{lead(workspace)}\n"
        f"Measured on {cores} {'core' if cores == 1 else 'cores'} in "
        f"{str(choose_precision('auto')).removeprefix('torch.')}; another number format, "
        "or another processor, moves the last digits."
    )
    return f"{before}{BEGIN}\n{say}\n\n{table(workspace)}\n{END}{after}"


if __name__ == "__main__":
    here = Workspace.find()
    readme = Path(__file__).parents[1] / "README.md"
    readme.write_text(with_results(readme.read_text(), here))
