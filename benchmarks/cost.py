"""What ranking and training cost as catalogue and customers grow.

``python benchmarks/cost.py [--home FOLDER] [--sizes 1000 10000 100000 1000000]`` writes
``benchmarks/results/cost.json`` and, in ``docs/images/``, ``ranking-cost.png`` and ``training-cost.png``.

- ``customers``: seconds to rank the workspace's own catalogue for growing numbers of its customers, with the
  straight line through them; and the same with every batch read whole instead of in passes cut to the caches.
- ``ranking``: milliseconds a customer for the ten best of a catalogue: exactly (chunks of scores, a top-k),
  exactly with the mixture of ``ranking.demand``, which needs all scores of a customer at once, and by an HNSW
  index tuned on other customers to recall .99. The forward pass comes on top. States are real ones of the
  workspace's model.
  Item vectors are ``like real`` (real ones moved by noise: neighbourhoods grow) and ``random`` (none).
  ``ann_from`` is the least size from which on the index is faster with recall kept; null when it never is.
- ``training``: seconds of a step, with the softmax over all SKUs and over a sample (``training.candidates``).
  What would not fit the free memory is left out, with the GB it needs.

Each measurement runs in a process of its own; finished ones are kept in ``data/benchmarks/cost/``. The index
needs ``pip install faiss-cpu``; without it only exact lists are timed. ``--home`` is a workspace with
prompts, vocabulary and base model (default: the project, or ``COUTURIER_HOME``); its recommender is used
where it has one, else an untrained one, whose states are less like item vectors.
"""

import argparse
import importlib.util
import json
import os
from pathlib import Path
from typing import Any

from harness.results import command_line, write
from speed.runs import image_file, measured, result_file, work_folder

STATES = "states.safetensors"


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--home", type=Path, help="prepared workspace")
    parser.add_argument(
        "--sizes", nargs="+", type=int, default=[1_000, 10_000, 100_000, 1_000_000], metavar="SKUS"
    )
    parser.add_argument("--most-random", type=int, default=100_000, help="largest index of random vectors")
    parser.add_argument("--customers", type=int, default=16_384)
    parser.add_argument("--candidates", type=int, default=20_000, help="of the sampled softmax")
    parser.add_argument("--steps", type=int, default=3, help="training steps timed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--fresh", action="store_true", help="measure again what was measured before")
    parser.add_argument("--smoke", action="store_true", help="small sizes, in data/benchmarks only")
    parser.add_argument("--one", type=json.loads, help=argparse.SUPPRESS)
    parser.add_argument("--to", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.smoke:
        asked.sizes, asked.customers, asked.candidates, asked.steps = [1_000, 4_000], 64, 2_000, 1
    return asked


def measure(asked: dict[str, Any]) -> dict[str, Any]:
    """Make one measurement, here."""
    import torch
    from safetensors.torch import load_file, save_file
    from speed import costs

    torch.set_num_threads(asked["threads"])
    torch.set_num_interop_threads(1)
    home = Path(asked["home"])
    if asked["part"] == "customers":
        found = costs.customers(home, asked["customers"])
        save_file({name: found.pop(name).clone() for name in ("states", "head")}, asked["states"])
        return found
    if asked["part"] == "training":
        return costs.training_step(home, asked["size"], asked["candidates"], asked["seed"], asked["steps"])
    kept = load_file(asked["states"])
    return costs.ranking(
        kept["states"],
        kept["head"],
        asked["size"],
        asked["vectors"],
        seed=asked["seed"],
        indexed=asked["indexed"],
        threads=asked["threads"],
    )


def available() -> float:
    """Give the memory that is free now, in GiB."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("MemAvailable")).split()[1]) / 2**20


def main() -> None:
    asked = options()
    if asked.one:
        asked.to.write_text(json.dumps(measure(asked.one)))
        return
    from speed.growth import ann_from, draw_cost, needed, straight

    from rec_assets.workspace import Workspace

    home = asked.home or Workspace.find(Path(__file__).parent).root
    folder = work_folder("cost", asked.smoke)
    common = {"home": str(home), "states": str(folder / STATES), "seed": asked.seed}

    def one(name: str, **settings: Any) -> dict[str, Any]:
        found = measured(
            Path(__file__),
            name,
            {**common, **settings},
            folder,
            threads=asked.threads,
            fresh=asked.fresh or (name == "customers" and not (folder / STATES).exists()),
        )
        return {key: value for key, value in found.items() if key not in ("settings", "commit")}

    ranked = one("customers", part="customers", customers=asked.customers)
    rows = [{"model": "customers", **row} for row in ranked["rows"]]
    for size in asked.sizes:
        for vectors in ("like real", "random"):
            indexed = importlib.util.find_spec("faiss") is not None
            indexed = indexed and (vectors == "like real" or size <= asked.most_random)
            name = f"ranking-{size}-{vectors.replace(' ', '-')}"
            found = one(name, part="ranking", size=size, vectors=vectors, indexed=indexed)
            rows.append({"model": "ranking", **found})
    for size in asked.sizes:
        for candidates in (None, asked.candidates):
            if candidates is not None and candidates >= size:
                continue  # the softmax is full then
            name = f"training-{size}-{candidates or 'full'}"
            if (gigabytes := needed(home, size, candidates)) > 0.9 * available():
                softmax = "full" if candidates is None else f"{candidates:,} sampled"
                rows.append(
                    {"model": "training", "skus": size, "softmax": softmax, "needs_gb": round(gigabytes, 1)}
                )
                continue
            found = one(name, part="training", size=size, candidates=candidates, steps=asked.steps)
            rows.append({"model": "training", **found})
    path = result_file("cost", asked.smoke)
    write(
        path,
        command_line("cost.py"),
        [asked.seed],
        rows,
        trained=ranked["trained"],
        customers_line=straight(ranked["rows"]),
        ann_from={kind: ann_from(rows, kind) for kind in ("like real", "random")},
    )
    draw_cost(rows, *(image_file(f"{name}-cost", "cost", asked.smoke) for name in ("ranking", "training")))
    for row in rows:
        print(json.dumps(row))
    print(path)


if __name__ == "__main__":
    main()
