"""What the language model makes of a text: its hidden state at the last token."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from tqdm import tqdm

from rec_assets.backbone.layers import plain_model
from rec_assets.backbone.precision import reading
from rec_assets.heads.opening import opening_tokens

# Tokens of the text that are read; the words after it in the prompt are always kept.
TEXT_TOKENS = 96
BATCH_TOKENS = 4096
_REMEMBERED = 32_768  # tokens that a batch attends to, each row's copy of a shared prefix included


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
        Any text; it is data, so special tokens spelled in it stay plain characters. Those in the prompt's own
        words are read as what they are.
    text_tokens
        Tokens of the text that are read.
    start
        Whether :func:`~rec_assets.heads.opening.opening_tokens` come before the prompt.
    """
    before, _, after = prompt.partition("{text}")
    first = opening_tokens(tokenizer, before) if start else []
    opening, rest = split_opening(tokenizer, before)
    words = tokenizer.encode(rest + text, add_special_tokens=False, split_special_tokens=True)
    room = text_tokens + len(tokenizer.encode(rest, add_special_tokens=False))
    row: list[int] = first + opening + words[:room] + tokenizer.encode(after, add_special_tokens=False)
    return row or [tokenizer.eos_token_id or 0]  # an empty text must still be read as something


def split_opening(tokenizer: Any, before: str) -> tuple[list[int], str]:
    """Split the words before a text behind their last special token.

    What follows it is joined to the text before both become tokens, for a token may span their border; a
    special token is a border of its own.

    Returns
    -------
    tuple of (list of int, str)
        Token ids up to the last special token, and the words after it; without one no ids, and all words.
    """
    end = max((before.rindex(word) + len(word) for word in special_words(tokenizer, before)), default=0)
    return (tokenizer.encode(before[:end], add_special_tokens=False) if end else []), before[end:]


def special_words(tokenizer: Any, prompt: str) -> list[str]:
    """Find the special tokens that a prompt's words spell."""
    read = tokenizer.encode(prompt, add_special_tokens=False)
    spelt = tokenizer.encode(prompt, add_special_tokens=False, split_special_tokens=True)
    # Words beside a special token may be cut otherwise too: special is what splitting takes apart.
    return [
        word
        for token in sorted(set(read) - set(spelt))
        if (word := tokenizer.convert_ids_to_tokens(token)) in prompt
        and tokenizer.encode(word, add_special_tokens=False) == [token]
        and tokenizer.encode(word, add_special_tokens=False, split_special_tokens=True) != [token]
    ]


def equal_length_batches(lengths: Sequence[int], before: int = 0) -> Iterator[list[int]]:
    """Group row numbers so that no row needs padding: its state never depends on its neighbours' lengths.

    Parameters
    ----------
    lengths
        Tokens of each row.
    before
        Tokens of a prefix that stands before each: what is kept of it is copied for every row of a batch.

    Yields
    ------
    list of int
        Numbers of rows of one length, shortest first, about ``BATCH_TOKENS`` tokens together, fewer behind a
        long prefix.
    """

    def full(rows: int, length: int) -> bool:
        return rows * length >= BATCH_TOKENS or rows * (before + length) >= _REMEMBERED

    order = sorted(range(len(lengths)), key=lambda index: (lengths[index], index))
    batch: list[int] = []
    for index in order:
        if batch and (lengths[index] != lengths[batch[0]] or full(len(batch), lengths[index])):
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
