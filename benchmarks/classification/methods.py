"""The methods by name, each imported only when it runs."""

from importlib import import_module
from typing import Any

from classification.assignment import Assignment, Outcome

# Module and what base it reads: none, a language model, or the sentence encoder.
_METHODS = {
    "majority": ("words", None),
    "tfidf_lr": ("words", None),
    "sentence_encoder_lr": ("sentence_encoder", "minilm"),
    "setfit": ("setfit", "minilm"),
    "sequence_classification": ("sequence", "language"),
    "trimmed_linear": ("linear", "language"),
    "trimmed_finetune": ("finetune", "language"),
    "zero_shot": ("prompted", "language"),
    "channel": ("prompted", "language"),
    "few_shot": ("prompted", "language"),
    "auto": ("prompted", "language"),
}
METHODS = tuple(_METHODS)
LANGUAGE_BASES = ("smollm2", "gemma3")
BASES = (*LANGUAGE_BASES, "minilm")
WITHOUT_SHOTS = ("zero_shot",)  # the same whatever the number of shots
FROZEN = ("sentence_encoder_lr", "trimmed_linear")  # texts are read once, for all seeds and candidates
_DRAWN = ("domain", "batch")  # calibrations on the training texts


def bases_of(method: str, asked: str) -> str | None:
    """Say which base a method reads when the command names ``asked``.

    Raises
    ------
    ValueError
        When it cannot read that one.
    """
    kind = _METHODS[method][1]
    if kind == "language":
        if asked not in LANGUAGE_BASES:
            raise ValueError(f"{method} reads a language model, --base {' or '.join(LANGUAGE_BASES)}")
        return asked
    return kind


def deterministic(method: str, config: dict[str, Any]) -> bool:
    """Tell a method on which no draw of shots has an influence."""
    return method == "majority" or (method == "zero_shot" and config.get("calibration") not in _DRAWN)


def run(method: str, assignment: Assignment) -> Outcome:
    """Train a method and let it label the judged rows."""
    module = import_module(f"classification.{_METHODS[method][0]}")
    outcome: Outcome = getattr(module, method)(assignment)
    return outcome
