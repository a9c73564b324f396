"""Stock TRL: a model with one more token per SKU, tokenised histories, ``SFTTrainer`` as it comes.

No gradient checkpointing (TRL's default), fused AdamW, rows of like length or packed ones, and of the tables
only the new rows trained. A next-token loss predicts an SKU from the word before it, so its rows say each
moment right before what was bought then, where Couturier's say it one SKU earlier. It gets three helps that a
user would have to find. New rows start from the SKUs' titles, near the words' mean: at the mean itself they
collapse, a unit away they start at 9 nats, as bare title vectors at 41. PEFT's wrapper of the head is given
the ``bias`` that TRL reads.
With a 4-bit base the trained tensors stay float32: TRL would turn them to bf16, which a CPU without bf16
units computes far more slowly.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from datasets import Dataset, disable_progress_bars
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file
from torch import Tensor
from transformers import PreTrainedTokenizerBase, set_seed
from trl import SFTTrainer

from rec_assets import columns as c
from rec_assets.backbone.load import load_base, load_tokenizer
from rec_assets.params import Training
from rec_assets.vocabulary.sku_tokens import extend_tokenizer
from rec_assets.vocabulary.token_rows import IGNORED, RowEncoder, TokenRow
from speed.couturier import arguments
from speed.holdout_loss import holdout_loss
from speed.lesson import Lesson
from speed.meter import Meter

Batching = Literal["grouped", "packed"]
_APART = 0.3


def extended(lesson: Lesson, settings: Training) -> tuple[PeftModel, PreTrainedTokenizerBase, int]:
    """Give the adapted model, its tokenizer, and the number ``V`` of rows before the SKUs' own.

    Raises
    ------
    ValueError
        When the base has a head of its own: its new rows would have to be named twice.
    """
    base, vocabulary = lesson.workspace.base_model, lesson.workspace.vocabulary
    model = load_base(base, quantised=settings.method == "qlora")
    if not model.config.tie_word_embeddings:
        raise ValueError("this benchmark is written for a base whose head is tied to its embeddings")
    words = model.get_input_embeddings().num_embeddings
    tokenizer = extend_tokenizer(load_tokenizer(base), words, lesson.registry)
    if tokenizer.eos_token is None:  # TRL ends every text with it
        tokenizer.eos_token = tokenizer.convert_ids_to_tokens(model.config.eos_token_id)
    titles = load_file(vocabulary / "item_titles.safetensors")["titles"].float()
    titles = titles[:, : model.get_input_embeddings().embedding_dim]  # a sentence encoder's channels aside
    model.resize_token_embeddings(words + len(titles), mean_resizing=False)
    with torch.no_grad():
        rows = model.get_input_embeddings().weight
        rows[words:] = rows[:words].mean(dim=0) + _APART * titles / titles.norm(dim=1).mean()
    config = LoraConfig(
        r=settings.lora.rank,
        lora_alpha=settings.lora.alpha,
        lora_dropout=settings.lora.dropout,
        target_modules="all-linear",
        trainable_token_indices=list(range(words, words + len(titles))),
        task_type="CAUSAL_LM",
    )
    adapted: PeftModel = get_peft_model(model, config)
    model.is_loaded_in_4bit = False
    model.get_output_embeddings().bias = None
    return adapted, tokenizer, words


def rows_in_order(encoder: RowEncoder, prompts: pd.DataFrame) -> list[TokenRow]:
    """Encode prompts as a text goes: ``header, moment of SKU 0, SKU 0, moment of SKU 1, SKU 1, …, closing``.

    The encoder says a moment one SKU early, so moments a place later come out right before their own SKU.
    """
    bare = prompts.drop(columns=c.LOSS_FROM, errors="ignore")
    closings = bare[c.CLOSING] if c.CLOSING in bare else pd.Series("", index=bare.index)
    later = bare.assign(
        **{
            c.MOMENTS: [["", *moments[:-1]][: len(moments)] for moments in bare[c.MOMENTS]],
            c.CLOSING: [moments[-1] if len(moments) else "" for moments in bare[c.MOMENTS]],
        }
    )
    nothing = [[] for _ in range(len(bare))]
    alone = bare.assign(**{c.HEADER: "", c.MOMENTS: nothing, c.HISTORY: nothing, c.CLOSING: closings})
    return [
        TokenRow(ids := np.concatenate([row.ids, closing.ids[1:]]), np.full_like(ids, IGNORED))
        for row, closing in zip(encoder.encode(later), encoder.encode(alone), strict=True)
    ]


def dataset(rows: Sequence[TokenRow], prompts: pd.DataFrame, words: int) -> Dataset:
    """Give token rows as ``input_ids`` and ``labels``: the loss is on the same SKUs as Couturier's."""
    examples = []
    for row, loss_from in zip(rows, prompts[c.LOSS_FROM], strict=True):
        learnt = np.flatnonzero(row.ids >= words)[int(loss_from) :]
        labels = np.full_like(row.ids, IGNORED)
        labels[learnt] = row.ids[learnt]
        examples.append({"input_ids": row.ids.tolist(), "labels": labels.tolist()})
    return Dataset.from_list(examples)


def count(batch: dict[str, Any]) -> tuple[int, int]:
    """Count histories and targets of a batch."""
    samples = int((batch["position_ids"] == 0).sum()) if "position_ids" in batch else len(batch["labels"])
    return samples, int((batch["labels"] >= 0).sum())


def trainer(
    lesson: Lesson,
    settings: Training,
    batching: Batching,
    seed: int,
    folder: Path,
    meter: Callable[[Callable[[], float]], Meter],
) -> tuple[SFTTrainer, Meter]:
    """Build ``SFTTrainer`` with the batch size, in tokens, of Couturier's.

    Parameters
    ----------
    lesson
        What it learns from.
    settings
        Method, adapters, learning rate and ``batch_tokens``; the rest has no counterpart.
    batching
        ``grouped``: rows of like length, padded; ``packed``: rows one after another (best-fit decreasing).
    seed
        Of everything.
    folder
        Where Trainer may write.
    meter
        Makes the meter from the model's held-out loss.
    """
    set_seed(seed)
    disable_progress_bars()
    model, tokenizer, words = extended(lesson, settings)
    learnt = rows_in_order(lesson.encoder, lesson.prompts)
    asked = rows_in_order(lesson.encoder, lesson.asked)
    longest = max(len(row.ids) for row in learnt)
    mean = sum(len(row.ids) for row in learnt) / len(learnt)
    if batching == "packed":
        length = max(longest, min(256, settings.batch_tokens))
        options: dict[str, Any] = {"packing": True, "max_length": length, "dataset_num_proc": None}
        rows = settings.batch_tokens // length
    else:
        options = {"max_length": None, "train_sampling_strategy": "group_by_length"}
        rows = int(settings.batch_tokens / mean)
    inner = model.get_base_model()

    def states(ids: Tensor, last: Tensor) -> Tensor:
        hidden = inner.model(input_ids=ids, use_cache=False).last_hidden_state
        return hidden[torch.arange(len(last)), last].float()

    def head() -> Tensor:
        return inner.get_output_embeddings().weight[words:].detach()

    made = meter(lambda: holdout_loss(model, states, head, asked, lesson.bought, lesson.sold))
    built = SFTTrainer(
        model=model,
        args=arguments(
            folder, seed, settings.learning_rate, per_device_train_batch_size=max(1, rows), **options
        ),
        train_dataset=dataset(learnt, lesson.prompts, words),
        processing_class=tokenizer,
        callbacks=[made],
    )
    made.watch(model)
    return built, made
