"""The command line of the ranking benchmark, and what it means for one run of one model."""

import argparse
import os
from pathlib import Path
from typing import Any

from harness import couturier, hm
from harness.names import ALL, COUTURIER, CUTOFFS
from harness.parameters import parameters, recipe

# Sections of params.yaml that shape nothing on the way to ranked lists.
UNREAD = ("heads", "recommendations", "trends", "promotion", "tracking", "schedule", "evaluation")


def options(description: str, arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dataset", choices=["beauty", "hm"], default="beauty", help="see above")
    parser.add_argument("--models", nargs="+", metavar="MODEL", help="without it all of the data set's")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3], metavar="SEED")
    parser.add_argument("--customers", type=int, help="smoke run: only the first N customers")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--fresh", action="store_true", help="run again what was run before")
    parser.add_argument("--epochs", type=int, help="at most; without it each model's own recipe")
    parser.add_argument("--patience", type=int, help="epochs without a better validation NDCG@10")
    own = parser.add_argument_group("the product")
    own.add_argument(
        "--name", help="of an ablation: run the product with what follows, as a row of this name"
    )
    own.add_argument("--profile", type=Path, help="YAML of parameters, merged over params.yaml")
    own.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="training.gate=null, …")
    bsarec = parser.add_argument_group("bsarec")
    bsarec.add_argument("--learning-rate", type=float)
    bsarec.add_argument("--attention-dropout", type=float)
    hm = parser.add_argument_group("hm")
    hm.add_argument("--cutoffs", nargs="+", metavar="DATE", help="first days of the test windows")
    hm.add_argument("--baselines", nargs="+", metavar="RULE", help="without it those of params.yaml")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    known = ALL if asked.dataset == "beauty" else ("baselines", *COUTURIER)
    if asked.name and asked.models:
        parser.error("--name is a model of its own: leave --models out")
    if asked.name in (*ALL, "baselines"):
        parser.error(f"--name {asked.name} is taken")
    if not asked.name and (asked.profile or asked.set):
        parser.error("--profile and --set make a model of its own: give it a --name")
    if odd := set(asked.models or ()) - set(known):
        parser.error(f"{', '.join(sorted(odd))}: --dataset {asked.dataset} knows {', '.join(known)}")
    if asked.dataset == "hm":
        asked.cutoffs = sorted(asked.cutoffs or CUTOFFS)
    asked.models = [asked.name] if asked.name else asked.models or list(known)
    return asked


def changes(model: str, seed: int, asked: argparse.Namespace) -> dict[str, Any] | None:
    """Give what a run of the product changes in its parameters; none for the other models."""
    if model not in (asked.name, *COUTURIER, "baselines"):
        return None
    told = {"training.epochs": asked.epochs, "training.patience": asked.patience}
    changed = recipe(model, asked.profile, asked.set) if model != "baselines" else {}
    changed |= {key: value for key, value in told.items() if value is not None and model != "baselines"}
    if model == "baselines" and asked.baselines:
        changed["baselines.models"] = asked.baselines
    return {**changed, "run.seed": seed, "run.threads": asked.threads}


def settings(model: str, seed: int, asked: argparse.Namespace) -> dict[str, Any]:
    """Tell what makes two runs of a model equal; of the product that is every parameter that shapes it."""
    of_beauty = ("customers", "epochs", "patience", "learning_rate", "attention_dropout", "threads")
    named = of_beauty if asked.dataset == "beauty" else ("customers", "cutoffs")
    found = {name: getattr(asked, name) for name in named}
    if (changed := changes(model, seed, asked)) is not None:
        of_all = hm.CHANGES if asked.dataset == "hm" else couturier.CHANGES
        content = parameters({**of_all, **changed}).model_dump(mode="json")
        found["params"] = {name: value for name, value in content.items() if name not in UNREAD}
    return found


def run_name(model: str, seed: int, asked: argparse.Namespace) -> str:
    """Name a run's files; one that changes a recipe must not take the place of one that does not."""
    changed = ("epochs", "patience", "learning_rate", "attention_dropout", "baselines")
    told = {name: getattr(asked, name) for name in changed if getattr(asked, name) is not None}
    if rules := told.pop("baselines", None):
        told |= {"baselines": "+".join(sorted(rules))} if model == "baselines" else {}
    return "-".join([model, str(seed), *(f"{name}={value}" for name, value in told.items())])
