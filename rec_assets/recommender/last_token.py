"""The last layer's feed-forward part, for the token that is ranked from and no other."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from rec_assets.backbone.layers import decoder_layers
from rec_assets.recommender.model import SkuLanguageModel


def last_feed_forward(decoder: nn.Module) -> nn.Module | None:
    """Find what follows the attention of a decoder's last layer; None where it has no part of its own."""
    found = getattr(decoder_layers(decoder)[-1], "mlp", None)
    return found if isinstance(found, nn.Module) else None


@contextmanager
def last_token_alone(model: SkuLanguageModel, input_ids: Tensor, last: Tensor) -> Iterator[None]:
    """Spare a pass what nobody reads of it.

    Ranking reads one state a row. Attention needs every token's key and value up to the last layer; what
    follows the last attention works on each token by itself, and holds two thirds of a layer's products. So
    there every other token gets zeros, in the layers as in each branch.

    Parameters
    ----------
    model
        Whose :meth:`~SkuLanguageModel.last_states` are asked for inside.
    input_ids
        ``(B, T)``.
    last
        ``(B,)``: each row's last real position.
    """
    row = torch.arange(len(last), device=last.device)
    read = (input_ids >= model.words).cumsum(dim=1)[row, last]  # a branch reads a start and the SKUs
    decoders = [(model.decoder, last), *((branch.decoder, read) for branch in model.branches)]
    with ExitStack() as stack:
        for decoder, place in decoders:
            if (part := last_feed_forward(decoder)) is not None:
                for handle in _narrow(part, row, place):
                    stack.callback(handle.remove)
        yield


def _narrow(part: nn.Module, row: Tensor, place: Tensor) -> tuple[Any, Any]:
    length = 0

    def gather(_: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor]:
        nonlocal length
        (states,) = inputs  # (B, T, d)
        length = states.shape[1]
        return (states[row, place].unsqueeze(1),)

    def scatter(_: nn.Module, inputs: tuple[Tensor], output: Tensor) -> Tensor:
        states = output.new_zeros(len(output), length, output.shape[-1])
        states[row, place] = output.squeeze(1)
        return states

    return part.register_forward_pre_hook(gather), part.register_forward_hook(scatter)
