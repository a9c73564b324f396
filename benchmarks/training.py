"""How fast trainers learn: Couturier's against stock TRL ``SFTTrainer``, to the same loss in one run.

``python benchmarks/training.py [--home FOLDER] [--method qlora] [--seeds 1]`` trains, one after another on
the same machine, on the same base layers, the same histories and with the same adapters, and writes
``benchmarks/results/training.json`` and ``docs/images/training-speed.png``.

- ``couturier``: the workspace's own recipe; where it starts item vectors from co-purchases, the stage
  ``vocabulary`` has computed those before. ``couturier, stock layers``: without what stock TRL lacks (gates,
  fresh layers, dropout, co-purchases), so that both start from titles and only the trainer differs.
- ``trl, grouped`` and ``trl, packed``: a token per SKU added to model and tokenizer, only adapters and the
  new rows trained, the loss of the same purchases over the whole vocabulary; ``speed/stock.py`` tells more.

Everyone is judged by the cross-entropy of held-out purchases, softmax over the SKUs sold in training; the
clock stops for it. All learn from the same number of histories at a constant rate. ``seconds to equal
loss`` is when the loss comes down to the highest of the best losses, ``times slower`` what that takes beside
the first trainer.
Each runs in a process of its own; finished ones are kept in ``data/benchmarks/training/``, so a killed
benchmark goes on. ``--home`` is a workspace with prompts, vocabulary and base model (default: the project, or
``COUTURIER_HOME``). A ``--smoke`` run writes there alone.
"""

import argparse
import json
import os
import statistics
import tempfile
from pathlib import Path
from typing import Any

from harness.results import command_line, write
from speed.equal_loss import common_loss, pace, reach
from speed.runs import image_file, measured, result_file, work_folder

TRAINERS = ("couturier", "couturier, stock layers", "trl, grouped", "trl, packed")


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--home", type=Path, help="prepared workspace")
    parser.add_argument("--method", choices=["qlora", "lora"], default="qlora")
    parser.add_argument("--trainers", nargs="+", choices=TRAINERS, default=list(TRAINERS), metavar="TRAINER")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1], metavar="SEED")
    parser.add_argument("--samples", type=int, default=23_000, help="histories that each learns from")
    parser.add_argument("--points", type=int, default=20, help="of each curve")
    parser.add_argument("--judged", type=int, default=2_000, help="held-out purchases")
    parser.add_argument(
        "--trl-learning-rate", type=float, default=1e-3, help="Couturier's are its parameters'"
    )
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--fresh", action="store_true", help="run again what was run before")
    parser.add_argument("--smoke", action="store_true", help="160 histories; figures mean nothing")
    parser.add_argument("--one", type=json.loads, help=argparse.SUPPRESS)
    parser.add_argument("--to", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.smoke:
        asked.samples, asked.points, asked.judged = 160, 2, 50
    return asked


def measure(asked: dict[str, Any]) -> dict[str, Any]:
    """Train one, here."""
    import torch
    from speed import couturier, stock
    from speed.lesson import read_lesson
    from speed.meter import Meter

    from rec_assets.params import Training

    torch.set_num_threads(asked["threads"])
    torch.set_num_interop_threads(1)
    lesson = read_lesson(Path(asked["home"]), asked["judged"], asked["seed"])
    values = lesson.params.training.model_dump() | {"method": asked["method"]}
    settings = Training.model_validate(values)
    mine = asked["trainer"].startswith("couturier")
    if asked["trainer"] == "couturier, stock layers":
        settings = couturier.as_stock(settings)
    if not mine:
        settings = Training.model_validate(values | {"learning_rate": asked["trl_learning_rate"]})
    count = couturier.count if mine else stock.count

    def meter(loss: Any) -> Meter:
        return Meter(count, loss, max(1, asked["samples"] // asked["points"]), asked["samples"])

    with tempfile.TemporaryDirectory() as folder:
        if mine:
            built, made = couturier.trainer(lesson, settings, asked["seed"], Path(folder), meter)
        else:
            batching: Any = asked["trainer"].removeprefix("trl, ")
            built, made = stock.trainer(lesson, settings, batching, asked["seed"], Path(folder), meter)
        built.train()
    assert made is not None
    parameters = list(built.model.parameters())
    return {
        "curve": made.curve,
        "steps": made.steps,
        "parameters": sum(value.numel() for value in parameters),
        "trained": sum(value.numel() for value in parameters if value.requires_grad),
        "skus": len(lesson.sold),
        "training": settings.model_dump(mode="json"),
    }


def rows_of(runs: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Give a row a trainer: figures of each seed are compared within the seed, then averaged."""
    shared = [common_loss([run["curve"] for run in same]) for same in zip(*runs.values(), strict=True)]
    first = next(iter(runs.values()))
    times = [reach(run["curve"], loss) for run, loss in zip(first, shared, strict=True)]
    rows = []
    for name, own in runs.items():
        figures: dict[str, list[float]] = {}
        for run, loss, unit in zip(own, shared, times, strict=True):
            curve = run["curve"]
            seconds = reach(curve, loss)
            for key, value in {
                "samples/s": pace(curve, "samples"),
                "targets/s": pace(curve, "targets"),
                "seconds to equal loss": seconds,
                "samples to equal loss": reach(curve, loss, "samples"),
                "equal loss": loss,
                "best loss": min(point["loss"] for point in curve),
                "times slower": seconds / unit if seconds and unit else None,
            }.items():
                if value is not None:
                    figures.setdefault(key, []).append(value)
        rows.append(
            {
                "model": name,
                "metrics": {
                    key: {
                        "mean": statistics.fmean(values),
                        "sd": statistics.stdev(values) if len(values) > 1 else None,
                    }
                    for key, values in figures.items()
                },
                "seconds": statistics.fmean(run["curve"][-1]["seconds"] for run in own),
                "steps": own[0]["steps"],
                "parameters": own[0]["parameters"],
                "trained": own[0]["trained"],
                "commit": own[0]["commit"],
                "curves": [run["curve"] for run in own],
            }
        )
    return rows


def main() -> None:
    asked = options()
    if asked.one:
        asked.to.write_text(json.dumps(measure(asked.one)))
        return
    from speed.plots import loss_curves

    from rec_assets.workspace import Workspace

    home = asked.home or Workspace.find(Path(__file__).parent).root
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in asked.trainers}
    for seed in asked.seeds:
        for name in asked.trainers:
            kept = ("method", "samples", "points", "judged", "trl_learning_rate")
            settings = {key: getattr(asked, key) for key in kept}
            settings |= {"home": str(home), "trainer": name, "seed": seed}
            runs[name].append(
                measured(
                    Path(__file__),
                    f"{asked.method}-{name.replace(', ', '-').replace(' ', '-')}-{seed}",
                    settings,
                    work_folder("training", asked.smoke),
                    threads=asked.threads,
                    fresh=asked.fresh,
                )
            )
    rows = rows_of(runs)
    skus = runs[asked.trainers[0]][0]["skus"]
    path = result_file("training" if asked.method == "qlora" else f"training-{asked.method}", asked.smoke)
    write(path, command_line("training.py"), asked.seeds, rows, method=asked.method, skus=skus)
    curves = {row["model"]: row["curves"][0] for row in rows}
    loss_curves(
        image_file(
            "training-speed" if asked.method == "qlora" else f"training-speed-{asked.method}",
            "training",
            asked.smoke,
        ),
        curves,
        rows[0]["metrics"]["equal loss"]["mean"],
    )
    for row in rows:
        figures = {key: round(value["mean"], 3) for key, value in row["metrics"].items()}
        print(row["model"], figures)
    print(path)


if __name__ == "__main__":
    main()
