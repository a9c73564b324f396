"""What the language model makes of a text: its hidden state at the last token."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from tqdm import tqdm

from rec_assets.backbone.layers import plain_model
from rec_assets.backbone.precision import reading

# Tokens of the text that are read; the words after it in the prompt are always kept.
TEXT_TOKENS = 96
BATCH_TOKENS = 4096


def encode(
    tokenizer: Any, prompt: str, text: str, *, text_tokens: int = TEXT_TOKENS, start: bool = True
) -> list[int]:
    """Render one prompt to token ids, cutting the text, never the words around it.

    Parameters
    ----------
    tokenizer
        The base model's tokenizer.
    prompt
        Template with the field ``{text}``.
    text
        Any text; it is data, so special tokens spelled in it stay plain characters.
    text_tokens
        Tokens of the text that are read.
    start
        Whether the tokenizer's first token, if it has one, comes before the prompt.
    """
    before, _, after = prompt.partition("{text}")
    first = [tokenizer.bos_token_id] if start and tokenizer.bos_token_id is not None else []
    words = tokenizer.encode(before + text, add_special_tokens=False, split_special_tokens=True)
    room = text_tokens + len(tokenizer.encode(before, add_special_tokens=False))
    row: list[int] = first + words[:room] + tokenizer.encode(after, add_special_tokens=False)
    return row or [tokenizer.eos_token_id or 0]  # an empty text must still be read as something


def equal_length_batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Group row numbers so that no row needs padding: its state never depends on its neighbours' lengths.

    Parameters
    ----------
    lengths
        Tokens of each row.

    Yields
    ------
    list of int
        Numbers of rows of one length, shortest first, about ``BATCH_TOKENS`` tokens together.
    """
    order = sorted(range(len(lengths)), key=lambda index: (lengths[index], index))
    batch: list[int] = []
    for index in order:
        if batch and (lengths[index] != lengths[batch[0]] or len(batch) * lengths[index] >= BATCH_TOKENS):
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


@torch.no_grad()
def last_states(model: Any, rows: Sequence[Sequence[int]], name: str = "texts") -> torch.Tensor:
    """Compute the decoder's last hidden state at each row's last token.

    Parameters
    ----------
    model
        A causal language model in evaluation mode.
    rows
        Token ids of each of the N prompts, of any lengths.
    name
        What the progress bar counts.

    Returns
    -------
    torch.Tensor
        After the final norm, (N, d), float32, on the CPU, in the order of ``rows``.
    """
    decoder = plain_model(model).get_decoder()
    device = next(decoder.parameters()).device
    states: list[torch.Tensor | None] = [None] * len(rows)
    with tqdm(total=len(rows), desc=f"read {name}", unit="text") as bar:
        for batch in equal_length_batches([len(row) for row in rows]):
            ids = torch.tensor([list(rows[index]) for index in batch], device=device)  # (B, T)
            with reading(device):
                hidden = decoder(input_ids=ids, use_cache=False).last_hidden_state[:, -1]  # (B, d)
            for index, state in zip(batch, hidden.float().cpu(), strict=True):
                states[index] = state
            bar.update(len(batch))
    return torch.stack([state for state in states if state is not None])
