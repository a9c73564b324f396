"""Peak memory of QLoRA, LoRA and full fine-tuning, measured, and what it consists of.

``python benchmarks/memory.py [--home FOLDER] [--layers 3 30] [--methods qlora lora full]`` trains a few steps
of each, in a process of its own, on the workspace's prompts and with its other parameters, and writes
``benchmarks/results/memory.json``. The base with as many layers is cut from the workspace's
``base_model.source`` once and kept in ``data/benchmarks/bases/``.

``peak_mb`` is the highest resident memory (``VmHWM``) above that after the imports, loading and quantising
the base included; ``training_peak_mb`` that of the steps alone. The parts are bytes of tensors: frozen and
trained weights, gradients, what AdamW remembers, and what the forward pass of the longest batch keeps for the
backward pass. The item vectors are trained by every method; ``trained`` counts all trained numbers.
``--home`` is a workspace with prompts, vocabulary and base model (default: the project, or
``COUTURIER_HOME``).
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from harness.results import command_line, write
from speed.runs import measured, result_file, work_folder

METHODS = ("qlora", "lora", "full")
PARTS = ("frozen weights", "trained weights", "gradients", "optimiser", "activations")


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--home", type=Path, help="prepared workspace")
    parser.add_argument("--layers", nargs="+", type=int, default=[3, 30], metavar="N")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS), metavar="METHOD")
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--fresh", action="store_true", help="run again what was run before")
    parser.add_argument("--smoke", action="store_true", help="two layers, two steps, in data/benchmarks only")
    parser.add_argument("--one", type=json.loads, help=argparse.SUPPRESS)
    parser.add_argument("--to", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.smoke:
        asked.layers, asked.steps = [2], 2
    return asked


def base_with(home: Path, layers: int) -> Path:
    """Give the folder of the workspace's base model with its first ``layers`` layers, made if need be."""
    from rec_assets.backbone.convert import save_plain
    from rec_assets.backbone.layers import keep_layers
    from rec_assets.backbone.load import load_base, load_tokenizer
    from rec_assets.backbone.source import resolve
    from rec_assets.files import atomic_folder
    from rec_assets.params import read_params
    from rec_assets.workspace import Workspace

    section = read_params(Workspace(home).params_file).base_model
    name = section.source.partition(":")[2].replace("/", "-") or "local"
    folder = work_folder("bases", smoke=False) / f"{name}-{layers}"
    if not (folder / "config.json").exists():
        print(f"base of {layers} layers …", file=sys.stderr)
        source = resolve(section.source, section.sha256, home).folder
        model = load_base(source, dtype="auto")
        keep_layers(model, layers)
        with atomic_folder(folder) as part:
            save_plain(model, load_tokenizer(source), part)
    return folder


def measure(asked: dict[str, Any]) -> dict[str, Any]:
    """Train one, here."""
    import torch
    from harness.memory import peak_mb
    from speed.couturier import trainer
    from speed.lesson import read_lesson
    from speed.usage import MIB, activation_bytes, optimiser_bytes, restart_peak, weight_bytes

    from rec_assets.params import Training
    from rec_assets.recommender.batches import LengthBatches, collate

    torch.set_num_threads(asked["threads"])
    torch.set_num_interop_threads(1)
    lesson = read_lesson(Path(asked["home"]), judged=1, seed=asked["seed"])
    values = lesson.params.training.model_dump() | {"method": asked["method"]}
    settings = Training.model_validate(values)
    restart_peak()
    start = peak_mb()
    with tempfile.TemporaryDirectory() as folder:
        built, _ = trainer(
            lesson, settings, asked["seed"], Path(folder), base=Path(asked["base"]), steps=asked["steps"]
        )
        built_peak = peak_mb() - start
        restart_peak()
        built.train()
    peak = peak_mb() - start
    model, optimiser = built.model, built.optimizer
    while not isinstance(optimiser, torch.optim.AdamW):  # accelerate wraps it
        optimiser = optimiser.optimizer
    frozen, trained = weight_bytes(model)
    parameters = list(model.parameters())
    gradients = sum(value.nbytes for value in parameters if value.requires_grad)
    batches = list(LengthBatches([len(row.ids) for row in lesson.rows], settings.batch_tokens, asked["seed"]))
    largest = max(batches, key=lambda batch: len(batch) * max(len(lesson.rows[row].ids) for row in batch))
    batch = collate([lesson.rows[row] for row in largest])
    kept = activation_bytes(model, lambda: model(**batch).loss)
    sizes = dict(zip(PARTS, (frozen, trained, gradients, optimiser_bytes(optimiser), kept), strict=True))
    return {
        "peak_mb": max(peak, built_peak),
        "training_peak_mb": peak,
        "mb": {name: round(size / MIB, 1) for name, size in sizes.items()},
        "parameters": sum(_numbers(value) for value in parameters),
        "trained": sum(value.numel() for value in parameters if value.requires_grad),
        "batch_tokens": settings.batch_tokens,
        "skus": len(lesson.registry),
    }


def _numbers(parameter: Any) -> int:
    """Count the numbers that a parameter stands for: two in each byte of a 4-bit weight."""
    return parameter.numel() * (2 if getattr(parameter, "quant_state", None) is not None else 1)


def main() -> None:
    asked = options()
    if asked.one:
        asked.to.write_text(json.dumps(measure(asked.one)))
        return
    from rec_assets.workspace import Workspace

    home = asked.home or Workspace.find(Path(__file__).parent).root
    rows = []
    for layers in asked.layers:
        base = base_with(home, layers)
        for method in asked.methods:
            settings = {"method": method, "base": str(base), "layers": layers, "home": str(home)}
            settings |= {"steps": asked.steps, "seed": asked.seed}
            figures = measured(
                Path(__file__),
                f"{method}-{layers}",
                settings,
                work_folder("memory", asked.smoke),
                threads=asked.threads,
                fresh=asked.fresh,
            )
            del figures["settings"]
            rows.append({"model": method, "layers": layers, **figures})
            print(json.dumps(rows[-1]))
    path = result_file("memory", asked.smoke)
    write(path, command_line("memory.py"), [asked.seed], rows, steps=asked.steps)
    print(path)


if __name__ == "__main__":
    main()
