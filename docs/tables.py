"""Write the result tables of the docs from the files in benchmarks/results: python docs/tables.py."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
RANKING = {
    "ndcg@10/masked": "NDCG@10, seen masked",
    "recall@10/masked": "Recall@10, seen masked",
    "ndcg@10/unmasked": "NDCG@10",
    "recall@10/unmasked": "Recall@10",
}
_GAIN = "gain over best baseline"
Render = Callable[[dict[str, Any]], str]


def ranking(result: dict[str, Any]) -> str:
    """Give a row for every model, mean and s.d. over seeds."""
    head = ["Model", *RANKING.values(), "Minutes", "Peak MB", "Parameters", "Seeds"]
    rows = [
        [
            row["model"],
            *(_spread(row["metrics"][name], 1, 4) for name in RANKING),
            f"{row['seconds'] / 60:,.1f}",
            f"{row['peak_mb']:,}",
            f"{row['parameters']:,}",
            str(len(row["seeds"])),
        ]
        for row in result["rows"]
    ]
    return _markdown(head, rows)


def heads(result: dict[str, Any]) -> str:
    """Give a row for every data set, number of examples and method; accuracies in per cent."""
    head = ["Data", "Examples a label", "Method", "Accuracy", "Macro-F1", "Parameters", "Peak MB"]
    rows = [
        [
            row["dataset"],
            str(row["shots"]),
            row["model"],
            _spread(row["metrics"]["accuracy"], 100, 1),
            _spread(row["metrics"]["macro_f1"], 100, 1),
            f"{row['parameters']:,}",
            f"{row['peak_mb']:,}",
        ]
        for row in result["rows"]
    ]
    return _markdown(head, rows)


def parts(result: dict[str, Any]) -> str:
    """Give a row for every part of the trained models."""
    metrics = ("ndcg@10/masked", "recall@10/masked")
    head = ["Part of the same models", *(RANKING[name] for name in metrics), "Seeds"]
    rows = [
        [
            row["model"],
            *(_spread(row["metrics"][name], 1, 4) for name in metrics),
            str(len(row["seeds"])),
        ]
        for row in result["rows"]
    ]
    return _markdown(head, rows)


def ablations(result: dict[str, Any]) -> str:
    """Give a row for every change of the recipe, with what it brings beside the recipe itself."""
    metrics = ("ndcg@10/masked", "recall@10/masked")
    head = ["Recipe", *(cell for name in metrics for cell in (RANKING[name], "")), "Minutes", "Seeds"]
    whole = result["rows"][0]["metrics"]
    rows = [
        [
            row["model"],
            *(
                cell
                for name in metrics
                for cell in (
                    _spread(row["metrics"][name], 1, 4),
                    f"{row['metrics'][name]['mean'] / whole[name]['mean'] - 1:+.0%}",
                )
            ),
            f"{row['seconds'] / 60:,.1f}",
            str(len(row["seeds"])),
        ]
        for row in result["rows"]
    ]
    return _markdown(head, rows)


def intervals(*metrics: str) -> Render:
    """Give what renders a row for every model: metrics with intervals, and the gain over the best rule."""

    def render(result: dict[str, Any]) -> str:
        tasks = any("task" in row for row in result["rows"])
        head = [*(["Task"] if tasks else []), "Model"]
        head += [cell for name in metrics for cell in (_metric(name), "beside the best rule")]
        rows = []
        for row in result["rows"]:
            cells = [*([row["task"]] if tasks else []), row["model"]]
            for name in metrics:
                cells += [_interval(row["metrics"].get(name)), _lead(row[_GAIN].get(name))]
            rows.append(cells)
        return _markdown(head, rows)

    return render


TABLES: dict[str, tuple[str, Render]] = {
    "ranking-beauty": ("benchmarks.md", ranking),
    "parts-beauty": ("benchmarks.md", parts),
    "ranking-hm": (
        "benchmarks.md",
        intervals("ndcg@10/unmasked", "recall@10/unmasked", "ndcg@10/never_bought", "recall@10/never_bought"),
    ),
    "ablations-beauty": ("benchmarks.md", ablations),
    "heads": ("heads.md", heads),
}


def with_table(text: str, name: str, render: Render) -> str:
    """Put the table of one result file between its marks."""
    result = json.loads((PROJECT / "benchmarks" / "results" / f"{name}.json").read_text())
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}\n{render(result)}\n\n{result['machine']}.\n{end}{after}"


def _metric(name: str) -> str:
    """Say a metric and its part.

    >>> _metric("ndcg@10/never_bought")
    'NDCG@10, never bought'
    """
    metric, _, part = name.partition("/")
    plain = metric.replace("ndcg", "NDCG").replace("recall", "Recall")
    return plain if part == "unmasked" else f"{plain}, {part.replace('_', ' ')}"


def _interval(value: dict[str, Any] | None) -> str:
    return f"{value['mean']:.4f} [{value['low']:.4f}, {value['high']:.4f}]" if value else "–"


def _lead(value: dict[str, Any] | None) -> str:
    if value is None:
        return "–"
    apart = value["difference"]
    return f"{apart['mean']:+.4f} [{apart['low']:+.4f}, {apart['high']:+.4f}]"


def _spread(value: dict[str, Any], scale: float, places: int) -> str:
    spread = "" if not value["sd"] else f" ± {scale * value['sd']:.{places}f}"
    return f"{scale * value['mean']:.{places}f}{spread}"


def _markdown(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    for name, (file, render) in TABLES.items():
        path = PROJECT / "docs" / file
        path.write_text(with_table(path.read_text(), name, render))
