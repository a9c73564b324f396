"""The product's parameters for a benchmark: ``params.yaml``, and what a profile or option changes in it."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from harness.results import PROJECT
from rec_assets.params import Params

SCRATCH = PROJECT / "profiles" / "scratch.yaml"
# A benchmark is judged by its own figures: nothing of it goes to a tracker.
ALWAYS: dict[str, Any] = {"tracking.mode": "disabled", "lineage.parent": None}


def parameters(changes: Mapping[str, Any]) -> Params:
    """Give the project's parameters with dotted keys changed.

    Raises
    ------
    pydantic.ValidationError
        When a key or a value does not fit.
    """
    document = yaml.safe_load(_project())
    for key, value in {**ALWAYS, **changes}.items():
        *sections, last = key.split(".")
        place = document
        for section in sections:
            place = place.setdefault(section, {})
        place[last] = value
    return Params.model_validate(document)


@cache
def _project() -> str:
    # Read once: a run of hours does not notice that somebody tries other defaults meanwhile.
    return (PROJECT / "params.yaml").read_text()


def dotted(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten nested sections.

    >>> dotted({"training": {"lora": {"rank": 4}, "epochs": 1}})
    {'training.lora.rank': 4, 'training.epochs': 1}
    """
    flat: dict[str, Any] = {}
    for key, value in content.items():
        flat |= dotted(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat


def recipe(model: str, profile: Path | None = None, settings: Sequence[str] = ()) -> dict[str, Any]:
    """Give the changes that make a model of the product: its profile, then each ``key=value`` in YAML.

    Raises
    ------
    ValueError
        When a setting is not ``key=value``.
    """
    if profile is None and model == "couturier_scratch":
        profile = SCRATCH
    changes = dotted(yaml.safe_load(profile.read_text())) if profile else {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals:
            raise ValueError(f"--set {setting!r} is not key=value; write for example training.epochs=3")
        changes[key] = yaml.safe_load(text)
    return changes
