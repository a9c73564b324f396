"""SKUs as tokens or as words: length, speed and quality side by side; and one pass against ``generate``.

``python benchmarks/generation.py --dataset beauty [--schemes sku digits digits2 semantic] [--seeds 1]``
trains the recommender with each scheme of item tokens, on the same rows, from the same layers, for the same
epochs and without early stopping, and ranks the full catalogue for every test customer: in one pass for
``sku``, by constrained beams of ten for the others.

``--speed`` then measures customers a second of one pass against ``generate`` (four sampled chains of ten SKUs
over the extended vocabulary; beams of ten over digits) with the same trained layers on the same
``--speed-customers``, and what share of the machine's matmul peak one pass reaches, by the formula in
``generating/peak.py``.

Every run has a process of its own, so that its peak memory is its own; finished ones are kept in
``data/benchmarks/``, so a killed benchmark goes on, and merged into ``benchmarks/results/generation.json``. A
smoke run (``--customers``) writes there alone. ``--home`` takes a prepared workspace instead of making one.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from harness.results import PROJECT, command_line, commit, merge, summary, table
from harness.runs import Runs, result_file, work_folder

SCHEMES = ("sku", "digits", "digits2", "digits3", "semantic")
SPEED = "speed"


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dataset", choices=["beauty", "synthetic"], default="beauty")
    parser.add_argument("--home", type=Path, help="workspace prepared up to the vocabulary; only read")
    parser.add_argument(
        "--schemes", nargs="*", choices=SCHEMES, default=["sku", "digits", "digits2", "semantic"]
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[1], metavar="SEED")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--layers", type=int, default=3, help="of the base model; 0: all")
    parser.add_argument("--customers", type=int, help="smoke run: only the first N customers")
    parser.add_argument("--speed", action="store_true", help="also compare with generate")
    parser.add_argument("--speed-customers", type=int, default=256, metavar="N")
    parser.add_argument("--generate-batch", nargs="+", type=int, default=[1, 32], metavar="N")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--fresh", action="store_true", help="run again what was run before")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    return parser.parse_args()


def settings(asked: argparse.Namespace, model: str) -> dict[str, Any]:
    """Tell what makes two runs equal."""
    named = ["customers", "epochs", "layers", "threads"]
    if model == SPEED:
        named += ["speed_customers", "generate_batch"]
    return {name: getattr(asked, name) for name in named} | {"home": str(asked.home)}


def benchmark(asked: argparse.Namespace) -> str:
    """Name the folder of runs."""
    return f"generation-{asked.dataset}-{asked.layers or 'all'}-layers"


def measure(asked: argparse.Namespace) -> None:
    """Run one scheme with one seed, or the comparison of speeds, here; write its figures."""
    import torch
    from generating.ranking import rank
    from generating.shop import open_shop, prepare
    from generating.speed import speed
    from generating.training import train
    from harness.memory import peak_mb

    from rec_assets.workspace import Workspace

    torch.set_num_threads(asked.threads)
    work, seed = work_folder(PROJECT, benchmark(asked), asked.customers), asked.seeds[0]
    home = Workspace(asked.home) if asked.home else None
    shop = open_shop(
        home or prepare(asked.dataset, work, asked.customers, asked.layers or None), asked.customers
    )
    name = f"{asked.one}-{seed}"
    done: dict[str, Any] = {"seed": seed, "settings": settings(asked, asked.one), "commit": commit()}
    if asked.one == SPEED:
        done["ways"] = speed(
            shop.first(asked.speed_customers), seed, asked.epochs, work, asked.generate_batch
        )
        done |= {"seconds": 0.0, "parameters": 0}
    else:
        trained = train(shop, asked.one, seed, asked.epochs, work / f"workspace-{name}")
        done["metrics"] = rank(shop, asked.one, trained.home) | {
            "training_samples_per_second": trained.samples_per_second,
            "tokens_a_history": trained.tokens_a_history,
        }
        done |= {"seconds": trained.seconds, "parameters": trained.parameters}
    done |= {"peak_mb": peak_mb(), "notes": {"customers": len(shop.test), "skus": len(shop.registry)}}
    (work / f"{name}.json").write_text(json.dumps(done, indent=2) + "\n")


def main() -> None:
    asked = options()
    if asked.one:
        measure(asked)
        return
    arguments = sys.argv[1:]
    command = command_line("generation.py")
    runs = Runs(
        work_folder(PROJECT, benchmark(asked), asked.customers),
        __file__,
        arguments,
        asked.threads,
        asked.fresh,
    )
    smoke_folder = result_file(PROJECT, benchmark(asked), asked.customers).parent
    path = smoke_folder / "generation.json"
    rows: list[dict[str, Any]] = []
    for scheme in [*asked.schemes, *([SPEED] if asked.speed else [])]:
        figures = [
            {**runs.figures(scheme, seed, f"{scheme}-{seed}", settings(asked, scheme)), "command": command}
            for seed in asked.seeds
        ]
        for model in figures[0].get("ways", [scheme]):
            own = [one | {"metrics": one["ways"][model]} if "ways" in one else one for one in figures]
            for one in own:
                one.pop("ways", None)
            rows.append(summary(f"{asked.dataset}/{model}", own, deterministic=False))
            merge(path, rows[-1], command, asked.seeds)
    for names in dict.fromkeys(tuple(row["metrics"]) for row in rows):
        print(table([row for row in rows if tuple(row["metrics"]) == names]), end="\n\n")
    print(path)


if __name__ == "__main__":
    main()
