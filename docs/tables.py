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
# Methods whose texts may have been read before the run; the first rows do not count how long that takes.
_FROZEN = ("sentence_encoder_lr", "trimmed_linear")
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
    """Give a row for every data set, number of examples and method, and the commands behind them.

    Accuracies are in per cent; minutes are those of training, the reading of its texts included.
    """
    head = ["Data", "Examples a label", "Method", "Accuracy", "Macro-F1"]
    head += ["Minutes of training", "Threads, in", "Parameters", "Peak MB"]
    rows = [
        [
            row["dataset"],
            _examples(row),
            row["model"],
            _spread(row["metrics"]["accuracy"], 100, 1),
            _spread(row["metrics"]["macro_f1"], 100, 1),
            _training_minutes(row),
            f"{row['threads']}, {row['machine'].rsplit(', ', 1)[-1]}",
            f"{row['parameters']:,}",
            f"{row['peak_mb']:,}",
        ]
        for row in result["rows"]
    ]
    commands = dict.fromkeys(one for row in result["rows"] for one in row["command"].split("; "))
    return "\n".join([_markdown(head, rows), "", "```sh", *commands, "```"])


def heads_speed(result: dict[str, Any]) -> str:
    """Give a row for every way to classify with a base; texts of one length are asked for together."""
    if not result.get("speed"):
        return "Not measured yet: `python benchmarks/heads.py --speed`."
    shown = {
        "tokens_a_text": ("Tokens a text", 1),
        "latency_ms": ("ms for one text", 1),
        "texts_per_second": ("Texts a second", 1),
        "peak_mb": ("Peak MB", 0),
        "train_samples_per_second": ("Texts trained a second", 1),
        "peak_mb_training": ("Peak MB in training", 0),
        "parameters": ("Parameters", 0),
    }
    rows = [
        [row["model"], *(f"{row[name]:,.{places}f}" for name, (_, places) in shown.items())]
        for row in result["speed"]
    ]
    return _markdown(["Model", *(title for title, _ in shown.values())], rows)


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
        head = ["Model"]
        head += [cell for name in metrics for cell in (_metric(name), "beside the best rule")]
        rows = []
        for row in result["rows"]:
            cells = [row["model"]]
            for name in metrics:
                cells += [_interval(row["metrics"].get(name)), _lead(row[_GAIN].get(name))]
            rows.append(cells)
        return _markdown(head, rows)

    return render


def targets(result: dict[str, Any]) -> str:
    """Give a row for every mixture of training targets, with what it brings beside the next item alone."""
    metrics = {
        "ndcg@10": "NDCG@10",
        "precision@10": "Precision@10",
        "recall@10": "Recall@10",
        "revenue@10": "Revenue captured@10",
    }
    head = ["Data", "Targets", *(cell for name in metrics.values() for cell in (name, "beside next item"))]
    rows = []
    for row in result["rows"]:
        cells = [row["dataset"], row["model"]]
        for name in metrics:
            cells += [_spread(row["metrics"][name], 1, 4), _lead(row[_GAIN].get(name))]
        rows.append([*cells, f"{row['seconds'] / 60:,.1f}", str(len(row["seeds"]))])
    return _markdown([*head, "Minutes", "Seeds"], rows)


def coldstart(result: dict[str, Any]) -> str:
    """Give a row for every task and model: metrics of the judged part, and the gain over rules."""
    head = ["Task", "Model"]
    for name in ("NDCG@10", "Recall@10", "Recall@100"):
        head += [name, "beside the best rule"]
    rows = []
    for row in result["rows"]:
        part = "unmasked" if "recall@10/unmasked" in row["metrics"] else "never_bought"
        cells = [row["task"], row["model"]]
        for metric in ("ndcg@10", "recall@10", "recall@100"):
            name = f"{metric}/{part}"
            cells += [_interval(row["metrics"].get(name)), _lead(row[_GAIN].get(name))]
        rows.append(cells)
    return _markdown(head, rows)


def training(result: dict[str, Any]) -> str:
    """Give a row for every trainer."""
    shown = {
        "samples/s": ("Histories a second", 1),
        "targets/s": ("Purchases a second", 0),
        "seconds to equal loss": ("Seconds to equal loss", 0),
        "samples to equal loss": ("Histories to equal loss", 0),
        "times slower": ("Times slower", 1),
        "best loss": ("Best loss", 3),
    }
    head = ["Trainer", *(title for title, _ in shown.values()), "Trained numbers"]
    rows = [
        [
            row["model"],
            *(
                f"{row['metrics'][name]['mean']:,.{places}f}" if name in row["metrics"] else "–"
                for name, (_, places) in shown.items()
            ),
            f"{row['trained']:,}",
        ]
        for row in result["rows"]
    ]
    return _markdown(head, rows)


def memory(result: dict[str, Any]) -> str:
    """Give a row for every method and number of layers; MiB."""
    parts = list(result["rows"][0]["mb"])
    head = ["Layers", "Method", "Peak", "of the steps", *parts, "Numbers", "of them trained"]
    rows = [
        [
            str(row["layers"]),
            row["model"],
            *(f"{row[name]:,.0f}" for name in ("peak_mb", "training_peak_mb")),
            *(f"{row['mb'][name]:,.0f}" for name in parts),
            *(f"{row[name]:,}" for name in ("parameters", "trained")),
        ]
        for row in result["rows"]
    ]
    return _markdown(head, rows)


def schemes(result: dict[str, Any]) -> str:
    """Give a row for every scheme of item tokens."""
    shown = {
        "tokens_a_history": ("Tokens a history", 1),
        "training_samples_per_second": ("Histories trained a second", 1),
        "ranking_customers_per_second": ("Customers ranked a second", 1),
        **{name: (RANKING[name], 4) for name in ("ndcg@10/masked", "recall@10/masked")},
    }
    return _measured(result, "Data and scheme", shown, marked_by="tokens_a_history")


def ways(result: dict[str, Any]) -> str:
    """Give a row for every way to make lists."""
    shown = {
        "customers_per_second": ("Customers a second", 2),
        "times_slower_than_one_pass": ("Times slower", 1),
        **{name: (RANKING[name], 4) for name in ("ndcg@10/unmasked", "recall@10/unmasked")},
    }
    return _measured(result, "Data and way", shown, marked_by="times_slower_than_one_pass")


def peak_share(result: dict[str, Any]) -> str:
    """Give a row for every number format in which one pass was held against the machine's matmul peak."""
    metrics = next(row["metrics"] for row in result["rows"] if row["model"].endswith("/one_pass"))
    names = ("forward_gflops_per_second", "matmul_peak_gflops_per_second")
    formats = [name.rpartition("/")[2] for name in metrics if name.startswith("share_of_matmul_peak")]
    rows = [
        [
            number,
            *(f"{metrics[f'{name}/{number}']['mean']:,.0f}" for name in names),
            f"{metrics[f'share_of_matmul_peak/{number}']['mean']:.0%}",
        ]
        for number in formats
    ]
    return _markdown(["Format", "GFLOP/s of one pass", "GFLOP/s of the best matmul", "Share"], rows)


def ranking_cost(result: dict[str, Any]) -> str:
    """Give a row for every catalogue that was ranked."""
    exact = ("Exact, ms a customer", "with ranking.demand")
    head = ["SKUs", "Item vectors", *exact, "HNSW, ms a customer", "HNSW recall", "Built, s"]
    rows = [
        [f"{row['skus']:,}", row["vectors"], f"{row['exact_ms']:.3f}"]
        + [
            f"{row[name]:,.{places}f}" if name in row else "–"
            for name, places in (("mixed_ms", 3), ("ann_ms", 3), ("ann_recall", 3), ("ann_build_s", 0))
        ]
        for row in result["rows"]
        if row["model"] == "ranking"
    ]
    return _markdown(head, rows)


def training_cost(result: dict[str, Any]) -> str:
    """Give a row for every catalogue and softmax that a training step was timed with."""
    rows = [
        [
            f"{row['skus']:,}",
            row["softmax"],
            f"{row['step_s']:.2f}" if "step_s" in row else f"needs {row['needs_gb']:.0f} GiB",
        ]
        for row in result["rows"]
        if row["model"] == "training"
    ]
    return _markdown(["SKUs sold", "Softmax", "Seconds a step"], rows)


# By the marks around it in the page: the page, and what renders it. What follows a colon tells tables of one
# result file apart.
TABLES: dict[str, tuple[str, Render]] = {
    "ranking-beauty": ("benchmarks.md", ranking),
    "parts-beauty": ("benchmarks.md", parts),
    "ranking-hm": (
        "benchmarks.md",
        intervals("ndcg@10/unmasked", "recall@10/unmasked", "ndcg@10/never_bought", "recall@10/never_bought"),
    ),
    "ablations-beauty": ("benchmarks.md", ablations),
    "coldstart": ("benchmarks.md", coldstart),
    "targets": ("benchmarks.md", targets),
    "training": ("benchmarks.md", training),
    "generation:ways": ("benchmarks.md", ways),
    "generation:peak": ("benchmarks.md", peak_share),
    "memory": ("benchmarks.md", memory),
    "cost:ranking": ("benchmarks.md", ranking_cost),
    "cost:training": ("benchmarks.md", training_cost),
    "generation:schemes": ("tokenisation.md", schemes),
    "heads": ("heads.md", heads),
    "heads:speed": ("heads.md", heads_speed),
}


def with_table(text: str, name: str, render: Render) -> str:
    """Put a table of a result file between its marks."""
    file, _, part = name.partition(":")
    result = json.loads((PROJECT / "benchmarks" / "results" / f"{file}.json").read_text())
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}\n{render(result)}\n\n{machines(result, part or 'rows')}.\n{end}{after}"


def machines(result: dict[str, Any], part: str) -> str:
    """Say what rows were measured on: those that tell, on machines of their own."""
    rows = result.get(part) or []
    return "; ".join(dict.fromkeys(row["machine"] for row in rows if "machine" in row)) or result["machine"]


def _measured(result: dict[str, Any], first: str, shown: dict[str, tuple[str, int]], marked_by: str) -> str:
    """Give a row for every row of the result that has the marking metric."""
    rows = [
        [row["model"], *(_spread(row["metrics"][name], 1, places) for name, (_, places) in shown.items())]
        for row in result["rows"]
        if marked_by in row["metrics"]
    ]
    return _markdown([first, *(title for title, _ in shown.values())], rows)


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


def _examples(row: dict[str, Any]) -> str:
    """Say how many labelled examples of each label were learnt from, or what share of all."""
    if row["model"].partition("/")[0] == "zero_shot":
        return "0"
    share = row.get("config", {}).get("share", 1)
    return str(row["shots"]) if share == 1 else f"{share:.0%} of {row['shots']}"


def _training_minutes(row: dict[str, Any]) -> str:
    """Say how long a head was trained; –, where a frozen model's reading of the texts was not counted."""
    frozen = row["model"].partition("/")[0] in _FROZEN
    return "–" if frozen and "reading_seconds" not in row else f"{row['seconds'] / 60:,.2f}"


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
