"""How fast the machine multiplies, and how many multiplications ranking takes."""

import time

import torch
from torch import nn

from rec_assets.backbone.layers import decoder_layers
from rec_assets.recommender.model import SkuLanguageModel

SIDE, TRIES = 2048, 7


def matmul_peak() -> float:
    """Measure the best of several products of square float32 matrices: FLOP/s, ``2 * side ** 3`` each."""
    left, right = torch.rand(SIDE, SIDE), torch.rand(SIDE, SIDE)
    best = float("inf")
    for _ in range(TRIES):
        start = time.perf_counter()
        torch.matmul(left, right)
        best = min(best, time.perf_counter() - start)
    return 2.0 * SIDE**3 / best


def forward_flops(model: SkuLanguageModel, lengths: list[int], skus: int) -> float:
    """Count what one-pass ranking multiplies and adds, padding and everything elementwise left out.

    For a history of ``T`` tokens: ``2 * P * T`` in the layers' matrices of ``P`` weights together,
    ``layers * 2 * d_a * T * (T + 1)`` in causal attention (queries times keys, and weights times values, each
    ``2 * d_a`` for ``T * (T + 1) / 2`` pairs; ``d_a`` = heads * width of a head), ``2 * d * n`` in the head.
    """
    layers = list(decoder_layers(model))
    weights = sum(
        module.weight.numel()
        for layer in layers
        for module in layer.modules()
        if isinstance(module, nn.Linear)
    )
    config = model.config.get_text_config()
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    attention = config.num_attention_heads * head
    total = 0.0
    for length in lengths:
        total += 2.0 * weights * length + len(layers) * 2.0 * attention * length * (length + 1)
    return total + 2.0 * config.hidden_size * skus * len(lengths)
