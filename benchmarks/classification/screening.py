"""Rank prompts and label words by what they answer before anything is trained.

A fine-tune starts from its label words' rows at the prompt's end, and with few examples it ends where a good
start leads. How good a start is costs one pass over some texts, shared by all words of a prompt; to fine-tune
every prompt with all words and settings would be hundreds of trainings.
"""

import hashlib
import json
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from classification.bases import language_model
from classification.tasks import Task
from rec_assets.heads.label_head import LabelHead
from rec_assets.heads.states import encode, last_states

Pair = dict[str, Any]  # of a prompt and the words of its labels


def screen(
    task: Task, base: str, layers: int | None, pairs: list[Pair], rows: int | None, files: Path
) -> list[Pair]:
    """Rank pairs of a prompt and label words on the first selection rows; a finished one is taken.

    Parameters
    ----------
    task
        Its selection is read, never its test rows.
    base, layers
        Which language model, and of how many layers in a smoke run.
    pairs
        ``prompt`` and ``words`` (none: the labels' own names); those of one prompt stand together.
    rows
        How many selection rows; none: all.
    files
        Where accuracies are kept.

    Returns
    -------
    list of dict
        The pairs with their ``accuracy``, best first, the earlier on ties.
    """
    judged = task.rows("selection")[:rows]
    texts, targets = task.said(judged), task.targets[judged]
    told = hashlib.sha256("\n".join(texts).encode()).hexdigest()
    paths = [_path(files, task, base, [layers, told, pair["prompt"], pair["words"]]) for pair in pairs]
    missing = [(pair, path) for pair, path in zip(pairs, paths, strict=True) if not path.exists()]
    if missing:
        model, tokenizer = language_model(base, layers)
        with tqdm(total=len(missing), desc="screen prompts and words", unit="pair") as bar:
            for prompt, group in groupby(missing, key=lambda one: one[0]["prompt"]):
                ids = [encode(tokenizer, prompt, text) for text in texts]
                states = last_states(model, ids, "selection texts")
                for pair, path in group:
                    head = LabelHead.from_label_words(model, tokenizer, task.labels, prompt, pair["words"])
                    with torch.no_grad():
                        scores = head(states).log_softmax(dim=-1).numpy()
                    _keep(path, {**pair, "accuracy": calibrated_accuracy(scores, targets)})
                    bar.update()
    ranking: list[Pair] = [json.loads(path.read_text()) for path in paths]
    return sorted(ranking, key=lambda one: -one["accuracy"])


def calibrated_accuracy(scores: np.ndarray, targets: np.ndarray) -> float:
    """Share of right answers once no label is liked better than others over all texts.

    ``accuracy = mean(argmax(s - mean(s)) = y)``: what a model prefers whatever the text, which training takes
    out in its first steps, says nothing of how far its answers tell the texts apart.

    >>> calibrated_accuracy(np.array([[-0.1, -5.0], [-0.2, -3.0]]), np.array([0, 1]))
    1.0

    Parameters
    ----------
    scores
        Log-probabilities of labels, (N, n).
    targets
        Labels' indices, (N,).
    """
    return float(np.mean((scores - scores.mean(axis=0)).argmax(axis=1) == targets))


def _path(files: Path, task: Task, base: str, told: list[Any]) -> Path:
    digest = hashlib.sha256(json.dumps(told).encode()).hexdigest()[:12]
    return files / "selection" / f"screen-{task.name}-{base}-{digest}.json"


def _keep(path: Path, found: Pair) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(found, indent=2) + "\n")
    part.replace(path)
