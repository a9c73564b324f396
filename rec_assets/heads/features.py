"""Frozen features of a text: the hidden state of any layer, of its last token or averaged."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import torch
from tqdm import tqdm

from rec_assets.backbone.layers import decoder_layers
from rec_assets.backbone.precision import reading
from rec_assets.heads.errors import HeadError
from rec_assets.heads.language_model import LanguageModel
from rec_assets.heads.states import equal_length_batches

Pooling = Literal["last", "mean"]
POOLINGS: tuple[Pooling, ...] = ("last", "mean")


def pool(states: torch.Tensor, pooling: Pooling) -> torch.Tensor:
    """Reduce states (B, T, d) to (B, d).

    ``mean`` leaves out the first token where others follow: language models park attention on it, its state
    is huge and says nothing of the text.
    """
    if pooling == "last":
        return states[:, -1]
    return states[:, min(1, states.shape[1] - 1) :].mean(dim=1)


def check_layer(language: LanguageModel, layer: int | None) -> int | None:
    """Resolve a layer's number to the place where its states are found.

    Parameters
    ----------
    language
        A model of L layers.
    layer
        As in transformers' ``hidden_states``: 0 for the embeddings, k for what layer k gives, negative from
        the end, none for the last.

    Returns
    -------
    int or None
        0 to L - 1; none for the last layer, after the final norm.

    Raises
    ------
    HeadError
        When there is no such layer.
    """
    count = len(decoder_layers(language.model))
    if layer is None:
        return None
    if not -count - 1 <= layer <= count:
        raise HeadError(f"There is no layer {layer} of {count}.", f"Choose 0 to {count}, or None.")
    place = layer % (count + 1)
    return None if place == count else place


def states_at(language: LanguageModel, place: int | None, **inputs: Any) -> torch.Tensor:
    """Run the model as far as a place and give its states, (B, T, d); later layers are not computed.

    Parameters
    ----------
    language
        The model.
    place
        What :func:`check_layer` gave. A number is always before the final norm: a model may have been cut
        off right there.
    **inputs
        ``input_ids`` or ``inputs_embeds``.
    """
    if place is None:
        states: torch.Tensor = language.decoder(use_cache=False, **inputs).last_hidden_state
        return states
    layers = decoder_layers(language.model)
    seen: list[torch.Tensor] = []
    with _seeing(layers[0] if place == 0 else layers[place - 1], place == 0, seen, stop=True):
        language.decoder(use_cache=False, **inputs)
    return seen[0]


def states_beside(
    language: LanguageModel, place: int | None, **inputs: Any
) -> tuple[torch.Tensor, torch.Tensor]:
    """Run the whole model once and give the states of a place on its way, and the last, (B, T, d) each.

    Parameters
    ----------
    language
        The model.
    place
        What :func:`check_layer` gave.
    **inputs
        ``input_ids`` or ``inputs_embeds``.
    """
    if place is None:
        states = states_at(language, None, **inputs)
        return states, states
    layers = decoder_layers(language.model)
    seen: list[torch.Tensor] = []
    with _seeing(layers[0] if place == 0 else layers[place - 1], place == 0, seen, stop=False):
        last: torch.Tensor = language.decoder(use_cache=False, **inputs).last_hidden_state
    return seen[0], last


class _Reached(Exception):  # noqa: N818 -- no error: the way out of a forward pass
    pass


@contextmanager
def _seeing(module: Any, before: bool, seen: list[torch.Tensor], stop: bool) -> Iterator[None]:
    """Keep what goes into a module, or comes out of it, and end the forward pass there where asked."""

    def enter(_: Any, args: Any, kwargs: Any) -> None:
        seen.append(args[0] if args else kwargs["hidden_states"])
        if stop:
            raise _Reached

    def leave(_: Any, args: Any, result: Any) -> None:
        seen.append(result[0] if isinstance(result, tuple) else result)
        if stop:
            raise _Reached

    handle = (
        module.register_forward_pre_hook(enter, with_kwargs=True)
        if before
        else module.register_forward_hook(leave)
    )
    try:
        yield
    except _Reached:
        pass
    finally:
        handle.remove()


def read_features(
    language: LanguageModel, rows: Sequence[Sequence[int]], place: int | None, pooling: Pooling
) -> torch.Tensor:
    """Compute the pooled states at one place, as :func:`check_layer` gave it, of N rows of tokens.

    Returns
    -------
    torch.Tensor
        (N, d), float32, on the CPU, in the order of ``rows``.
    """
    memory = language.memory
    if memory is None or not len(rows):
        return _read_at(language, rows, place, pooling)
    keys = [(tuple(row), place, pooling) for row in rows]
    if unread := [key for key in dict.fromkeys(keys) if key not in memory]:
        memory.update(
            zip(unread, _read_at(language, [row for row, _, _ in unread], place, pooling), strict=True)
        )
    return torch.stack([memory[key] for key in keys])


def read_beside(
    language: LanguageModel, rows: Sequence[Sequence[int]], place: int | None, pooling: Pooling
) -> tuple[torch.Tensor, torch.Tensor]:
    """Compute pooled states at one place and the last ones of the last token, in one pass.

    Returns
    -------
    tuple of torch.Tensor
        (N, d) each, as :func:`read_features` gives them.
    """

    def compute(ids: torch.Tensor) -> tuple[torch.Tensor, ...]:
        below, last = states_beside(language, place, input_ids=ids)
        return pool(below.float(), pooling), pool(last.float(), "last")

    below, last = _read(language, rows, compute)
    return below, last


def _read_at(
    language: LanguageModel, rows: Sequence[Sequence[int]], place: int | None, pooling: Pooling
) -> torch.Tensor:
    def compute(ids: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (pool(states_at(language, place, input_ids=ids).float(), pooling),)

    return _read(language, rows, compute)[0]


@torch.no_grad()
def _read(
    language: LanguageModel,
    rows: Sequence[Sequence[int]],
    compute: Callable[[torch.Tensor], tuple[torch.Tensor, ...]],
) -> tuple[torch.Tensor, ...]:
    """Compute tensors (B, d) of ids (B, T), for batches of rows of one length: (N, d) in the rows' order."""
    found: list[tuple[torch.Tensor, ...] | None] = [None] * len(rows)
    with tqdm(total=len(rows), desc="read texts", unit="text", leave=False) as bar:
        for batch in equal_length_batches([len(row) for row in rows]):
            ids = torch.tensor([list(rows[index]) for index in batch], device=language.device)
            with reading(language.device):
                pooled = [each.cpu() for each in compute(ids)]
            for index, states in zip(batch, zip(*pooled, strict=True), strict=True):
                found[index] = states
            bar.update(len(batch))
    return tuple(
        torch.stack(column) for column in zip(*(one for one in found if one is not None), strict=True)
    )


@torch.no_grad()
def read_all_layers(
    language: LanguageModel, rows: Sequence[Sequence[int]]
) -> dict[tuple[int, Pooling], torch.Tensor]:
    """Compute every layer's pooled states in one pass: ``{(layer, pooling): (N, d)}``, layers 0 to L."""
    found: dict[tuple[int, Pooling], torch.Tensor] = {}
    for batch in equal_length_batches([len(row) for row in rows]):
        ids = torch.tensor([list(rows[index]) for index in batch], device=language.device)
        with reading(language.device):
            result = language.decoder(input_ids=ids, use_cache=False, output_hidden_states=True)
        for layer, states in enumerate([*result.hidden_states[:-1], result.last_hidden_state]):
            for pooling in POOLINGS:
                pooled = pool(states.float(), pooling).cpu()
                key = (layer, pooling)
                found.setdefault(key, torch.empty(len(rows), pooled.shape[1]))[batch] = pooled
    return found
