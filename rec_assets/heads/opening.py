"""What stands before a prompt: the token that a model has learnt every text begins with."""

from itertools import takewhile
from typing import Any

_BETWEEN_DOCUMENTS = "<|endoftext|>"


def opening_tokens(tokenizer: Any, prompt: str = "") -> list[int]:
    """Give the tokens before a prompt's own.

    What the tokenizer adds itself; where that is nothing, the token that stood between documents in
    pretraining (GPT-2, SmolLM2, Qwen: their ``bos_token`` may be a control word of chats, which no plain text
    follows), else its ``bos_token``, if it has one.

    Parameters
    ----------
    tokenizer
        The base model's.
    prompt
        What follows. One that opens with a control token of its own is opened already: of a tokenizer that
        adds nothing it gets nothing before it, and no token twice.

    Returns
    -------
    list of int
        None or a few token ids.
    """
    special = set(tokenizer.all_special_ids)
    added = list(takewhile(special.__contains__, tokenizer.encode("a")))
    own = tokenizer.encode(prompt, add_special_tokens=False)[:1] if prompt else []
    if added:
        return [] if own == added[:1] else added
    # Listed last: Gemma adds thousands of tokens, and this is asked of every text.
    if own and own[0] in special | set(tokenizer.get_added_vocab().values()):
        return []
    between = tokenizer.convert_tokens_to_ids(_BETWEEN_DOCUMENTS)  # of one it lacks the unknown token's
    if between is None or tokenizer.convert_ids_to_tokens(between) != _BETWEEN_DOCUMENTS:
        between = tokenizer.bos_token_id
    return [] if between is None else [between]
