"""How fast the machine multiplies, and how many multiplications ranking takes."""

import time
from collections.abc import Sequence

import torch
from torch import nn
from transformers import PreTrainedModel

from rec_assets.backbone.layers import decoder_layers
from rec_assets.recommender.last_token import last_feed_forward
from rec_assets.recommender.model import SkuLanguageModel
from rec_assets.vocabulary.token_rows import TokenRow

SIDE, TRIES = 2048, 7


def matmul_peak(dtype: torch.dtype) -> float:
    """Measure the best of several products of square matrices: FLOP/s, ``2 * side ** 3`` each."""
    left, right = torch.rand(SIDE, SIDE).to(dtype), torch.rand(SIDE, SIDE).to(dtype)
    best = float("inf")
    for _ in range(TRIES):
        start = time.perf_counter()
        torch.matmul(left, right)
        best = min(best, time.perf_counter() - start)
    return 2.0 * SIDE**3 / best


def forward_flops(model: SkuLanguageModel, rows: Sequence[TokenRow], skus: int) -> float:
    """Count what one-pass ranking multiplies and adds, padding and everything elementwise left out.

    For a row of ``T`` tokens: ``2 * P * T`` in the layers' matrices of ``P`` weights together, the last
    layer's feed-forward part for one token alone,
    ``layers * 2 * d_a * T * (T + 1)`` in causal attention (queries times keys, and weights times values, each
    ``2 * d_a`` for ``T * (T + 1) / 2`` pairs; ``d_a`` = heads * width of a head), ``2 * d * n`` in the head.
    Each branch beside the layers reads the row's SKUs and one start.
    """
    total = _flops(model.decoder, [len(row.ids) for row in rows], skus)
    read = [1 + int((row.ids >= model.words).sum()) for row in rows]
    for branch in model.branches:
        total += _flops(branch.decoder, read, skus)
    return total


def _flops(decoder: PreTrainedModel, lengths: Sequence[int], skus: int) -> float:
    layers = list(decoder_layers(decoder))
    once = _weights([part] if (part := last_feed_forward(decoder)) is not None else [])
    weights = _weights(layers) - once
    config = decoder.config.get_text_config()
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    attention = config.num_attention_heads * head
    total = 0.0
    for length in lengths:
        total += 2.0 * (weights * length + once)
        total += len(layers) * 2.0 * attention * length * (length + 1)
    return total + 2.0 * config.hidden_size * skus * len(lengths)


def _weights(modules: Sequence[nn.Module]) -> int:
    linear = [part for module in modules for part in module.modules() if isinstance(part, nn.Linear)]
    return sum(part.weight.numel() for part in linear)
