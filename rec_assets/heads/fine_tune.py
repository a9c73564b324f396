"""Fine-tune a label head together with the base model under it: QLoRA, LoRA or every layer."""

import shutil
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn
from transformers import EarlyStoppingCallback, TrainerCallback

from rec_assets.errors import TableError
from rec_assets.heads.adapters import make_trainable
from rec_assets.heads.fine_tune_folder import checkpoint_folder
from rec_assets.heads.fine_tune_settings import FineTuneSettings, trl_arguments
from rec_assets.heads.head_model import HeadModel
from rec_assets.heads.head_trainer import ACCURACY, LOSS, HeadTrainer, labelled_row
from rec_assets.heads.label_head import LabelHead
from rec_assets.heads.states import TEXT_TOKENS, encode
from rec_assets.recommender.checkpoints import newest_checkpoint

__all__ = ["FineTuneSettings", "FineTuned", "fine_tune", "hold_out", "tune"]


@dataclass(frozen=True)
class FineTuned:
    """A fine-tuned model and its training.

    Parameters
    ----------
    model
        The base model in evaluation mode, wrapped by PEFT unless the method is ``full``.
    history
        One entry an epoch with validation rows: ``epoch, eval_accuracy, eval_loss``.
    trained_parameters
        Numbers that training could change, the head's included.
    samples_per_second
        Rows trained on a second, evaluation left out.
    """

    model: nn.Module
    history: list[dict[str, float]]
    trained_parameters: int
    samples_per_second: float


def fine_tune(
    model: Any,
    tokenizer: Any,
    head: LabelHead,
    texts: Sequence[str],
    targets: np.ndarray,
    settings: FineTuneSettings,
    *,
    text_tokens: int = TEXT_TOKENS,
) -> nn.Module:
    """Train a head's rows and biases, and the decoder under them; see :func:`tune`.

    Returns
    -------
    nn.Module
        The adapted model: read texts with it, cut to as many tokens, then score the states with ``head``,
        trained in place.
    """
    return tune(model, tokenizer, head, texts, targets, settings, text_tokens=text_tokens).model


def tune(
    model: Any,
    tokenizer: Any,
    head: LabelHead,
    texts: Sequence[str],
    targets: np.ndarray,
    settings: FineTuneSettings,
    callbacks: Sequence[TrainerCallback] = (),
    *,
    text_tokens: int = TEXT_TOKENS,
) -> FineTuned:
    """Minimise the cross-entropy over the head's n labels at each prompt's last token.

    The vocabulary's head takes no part: no word but the labels is scored, and neither memory nor time is
    spent on it. A run with ``settings.checkpoints`` that was killed goes on from its last whole epoch when it
    is started again with equal inputs, and ends with the same weights; a finished one leaves no checkpoint.

    Parameters
    ----------
    model
        A causal language model, changed in place: ``qlora`` stores its layers in NF4, ``full`` trains them.
    tokenizer
        Its tokenizer.
    head
        Rows and biases of the n labels, trained in place.
    texts
        N texts.
    targets
        Their labels' indices, (N,).
    settings
        The recipe.
    callbacks
        More of the trainer's callbacks, a tracker's for instance.
    text_tokens
        Tokens of a text that are read.

    Raises
    ------
    TableError
        When texts and targets differ in number, there are none, or a target is no label's index.
    BaseModelError
        When PEFT has wrapped the model already, or ``full`` meets 4-bit layers.
    """
    targets = np.asarray(targets)
    _check(texts, targets, len(head.labels))
    rows = [
        labelled_row(encode(tokenizer, head.prompt, text, text_tokens=text_tokens), int(target))
        for text, target in zip(texts, targets, strict=True)
    ]
    held_out = hold_out(texts, targets, settings.validation_share, settings.seed)
    adapted = make_trainable(
        model,
        settings.method,
        rank=settings.rank,
        alpha=settings.alpha,
        dropout=settings.adapter_dropout,
        embeddings=settings.embeddings,
        seed=settings.seed,
    )
    head.requires_grad_(True)
    trained = HeadModel(adapted, head, settings.dropout, settings.label_smoothing)
    with ExitStack() as stack:
        folder = checkpoint_folder(settings, trained, head, texts, targets, text_tokens) or Path(
            stack.enter_context(tempfile.TemporaryDirectory())
        )
        stopping = [EarlyStoppingCallback(settings.patience)] if settings.patience and held_out.any() else []
        trainer = HeadTrainer(
            trained,
            trl_arguments(settings, folder, bool(held_out.any())),
            [row for row, out in zip(rows, held_out, strict=True) if not out],
            [row for row, out in zip(rows, held_out, strict=True) if out],
            tokenizer,
            batch_tokens=settings.batch_tokens,
            head_learning_rate=settings.head_learning_rate,
            layer_decay=settings.layer_decay,
            callbacks=[*stopping, *callbacks],
        )
        start = time.perf_counter()
        trainer.train(resume_from_checkpoint=newest_checkpoint(folder))
        seconds = time.perf_counter() - start - trainer.evaluation_seconds
        shutil.rmtree(folder, ignore_errors=True)
    adapted.to(next(trained.decoder.parameters()).device)  # a vocabulary head stayed where it was
    head.cpu()
    return FineTuned(
        adapted.eval(),
        [
            {name: entry[name] for name in ("epoch", ACCURACY, LOSS)}
            for entry in trainer.state.log_history
            if ACCURACY in entry
        ],
        sum(parameter.numel() for parameter in trained.parameters() if parameter.requires_grad),
        trainer.samples / seconds,
    )


def hold_out(texts: Sequence[str], targets: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Mark, within every label, ``share`` of its different texts, (N,); copies of a text stay together.

    A label with a single text keeps it for training.
    """
    random = np.random.default_rng(seed)
    firsts: dict[str, int] = {}
    for place, text in enumerate(texts):
        firsts.setdefault(text, place)
    chosen: set[str] = set()
    for label in np.unique(targets):
        own = [text for text, place in firsts.items() if targets[place] == label]
        count = min(int(np.ceil(share * len(own))), len(own) - 1)
        chosen.update(own[place] for place in random.permutation(len(own))[:count])
    return np.array([text in chosen for text in texts])


def _check(texts: Sequence[str], targets: np.ndarray, labels: int) -> None:
    if len(texts) != len(targets) or not len(texts):
        raise TableError(
            f"There are {len(texts)} texts and {len(targets)} targets.", "Give one target for every text."
        )
    if targets.min() < 0 or targets.max() >= labels:
        raise TableError(
            f"Targets are {targets.min()} to {targets.max()}; the head has {labels} labels.",
            f"Give indices of labels, 0 to {labels - 1}.",
        )
