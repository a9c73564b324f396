"""What the language model makes of a text: its hidden state at the last token."""

from collections.abc import Sequence
from typing import Any

import torch
from tqdm import tqdm

from rec_assets.backbone.layers import plain_model

# Tokens of the text that are read; the words after it in the prompt are always kept.
TEXT_TOKENS = 96
BATCH_TOKENS = 4096


def encode(tokenizer: Any, prompt: str, text: str) -> list[int]:
    """Render one prompt to token ids, cutting the text, never the words around it.

    Parameters
    ----------
    tokenizer
        The base model's tokenizer.
    prompt
        Template with the field ``{text}``.
    text
        Any text; it is data, so special tokens spelled in it stay plain characters.
    """
    before, _, after = prompt.partition("{text}")
    start = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
    words = tokenizer.encode(before + text, add_special_tokens=False, split_special_tokens=True)
    room = TEXT_TOKENS + len(tokenizer.encode(before, add_special_tokens=False))
    return start + words[:room] + tokenizer.encode(after, add_special_tokens=False)


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
    order = sorted(range(len(rows)), key=lambda index: (len(rows[index]), index))
    states: list[torch.Tensor | None] = [None] * len(rows)
    with tqdm(total=len(rows), desc=f"read {name}", unit="text") as bar:
        start = 0
        while start < len(order):
            # Rows of one length need no padding, so a row's state does not depend on its neighbours' lengths.
            length = len(rows[order[start]])
            end = start
            while (
                end < len(order) and len(rows[order[end]]) == length and (end - start) * length < BATCH_TOKENS
            ):
                end += 1
            batch = torch.tensor([list(rows[index]) for index in order[start:end]], device=device)  # (B, T)
            hidden = decoder(input_ids=batch, use_cache=False).last_hidden_state[:, -1]  # (B, d)
            for index, state in zip(order[start:end], hidden.float().cpu(), strict=True):
                states[index] = state
            bar.update(end - start)
            start = end
    return torch.stack([state for state in states if state is not None])
