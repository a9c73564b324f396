"""Checkpoints of a training run: the last one that a kill left whole."""

import json
from pathlib import Path


def newest_checkpoint(folder: Path) -> str | None:
    """Find the last checkpoint that was written whole, as ``resume_from_checkpoint`` takes it.

    The trainer writes its state last: a crash leaves none of it, or half.
    """
    whole = [checkpoint for checkpoint in folder.glob("checkpoint-*") if _whole(checkpoint)]
    return str(max(whole, key=lambda one: int(one.name.partition("-")[2]))) if whole else None


def _whole(checkpoint: Path) -> bool:
    try:
        json.loads((checkpoint / "trainer_state.json").read_text())
    except (OSError, ValueError):
        return False
    return True
