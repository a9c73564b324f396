"""BSARec: a frequency filter beside self-attention (arXiv 2312.10325), written anew from the paper.

Where the paper leaves room, this follows what its authors' code does: layer norms with eps 1e-12 after each
residual sum; padding takes part in the filter, through its own vector and its place; an asked padding
place, which may attend to nothing, attends to everything.

It computes the same function faster:

- the low-pass filter keeps ``c // 2 + 1`` frequencies of a fixed length, which is one constant matrix
  ``(T, T)``; a product with it replaces two Fourier transforms;
- only the last place is read, so the last block computes that place alone: one row of the filter, one
  query, one feed-forward row;
- for one query, ``q · (K x) = (Kᵀ q) · x``, so keys and values are never computed for all places. The bias of
  the keys shifts all scores of a query alike, and softmax does not see it.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from harness.dropout import ByteDropout

EPSILON = 1e-12
INITIAL_SD = 0.02


def low_pass(length: int, c: int) -> Tensor:
    """Give the filter that keeps the ``c // 2 + 1`` lowest frequencies, as a matrix, shape ``(T, T)``.

    ``low_pass(T, c) @ x`` is ``irfft`` of the first ``c // 2 + 1`` entries of ``rfft(x)`` over the places of
    ``x``, shape ``(T, d)``.
    """
    spectrum = torch.fft.rfft(torch.eye(length, dtype=torch.float64), dim=0, norm="ortho")
    spectrum[c // 2 + 1 :] = 0
    return torch.fft.irfft(spectrum, n=length, dim=0, norm="ortho").float()


class FrequencyFilter(nn.Module):
    """Scales the high frequencies of each channel by a learned square: ``LN(x + dropout(low + β² high))``."""

    def __init__(self, width: int, length: int, c: int, dropout: ByteDropout) -> None:
        super().__init__()
        self.sqrt_beta = nn.Parameter(torch.randn(width))
        self.norm = nn.LayerNorm(width, eps=EPSILON)
        self.dropout = dropout
        self.register_buffer("low", low_pass(length, c), persistent=False)

    def forward(self, x: Tensor, last: bool) -> Tensor:
        """Filter ``x``, shape ``(B, T, d)``; only its last place, ``(B, 1, d)``, when ``last``."""
        asked = x[:, -1:] if last else x
        low = ((self.low[-1:] if last else self.low) @ x).to(asked.dtype)
        return self.norm(asked + self.dropout(torch.lerp(asked, low, 1 - self.sqrt_beta**2)))


class Attention(nn.Module):
    """Causal self-attention with an output projection and a residual sum, normed after it."""

    def __init__(self, width: int, heads: int, dropout: ByteDropout, attention_dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.dense = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width, eps=EPSILON)
        self.dropout = dropout
        self.attention_dropout = attention_dropout

    def forward(self, x: Tensor, real: Tensor, last: bool) -> Tensor:
        """Attend over ``x``, shape ``(B, T, d)``, where ``real`` ``(B, T)`` is false for padding."""
        mixed = self._last(x, real) if last else self._every(x, real)
        return self.norm((x[:, -1:] if last else x) + self.dropout(self.dense(mixed)))

    def _every(self, x: Tensor, real: Tensor) -> Tensor:
        rows, length, width = x.shape
        weights = torch.cat([self.query.weight, self.key.weight, self.value.weight])
        biases = torch.cat([self.query.bias, self.key.bias, self.value.bias])
        projected = F.linear(x, weights, biases).view(rows, length, 3, self.heads, -1)
        query, key, value = projected.permute(2, 0, 3, 1, 4)  # each (B, H, T, d / H)
        causal = torch.ones(length, length, dtype=torch.bool).tril()
        allowed = (real[:, None, :] & causal) | ~real[:, :, None]  # (B, T, T); padding attends to everything
        share = self.attention_dropout if self.training else 0.0
        # In bf16 the fused kernel's backward pass takes several times as long on a CPU.
        with torch.autocast(x.device.type, enabled=False):
            query, key, value = query.to(x.dtype), key.to(x.dtype), value.to(x.dtype)
            mixed = F.scaled_dot_product_attention(query, key, value, allowed[:, None], share)
        return mixed.transpose(1, 2).reshape(rows, length, width)

    def _last(self, x: Tensor, real: Tensor) -> Tensor:
        rows, _, width = x.shape
        size = width // self.heads
        query = self.query(x[:, -1]).view(rows, self.heads, size)
        key = self.key.weight.view(self.heads, size, width)
        asked = torch.einsum("bhs,hsd->bhd", query, key)
        scores = asked @ x.transpose(1, 2) / math.sqrt(size)  # (B, H, T)
        # A row without a single SKU would have nothing to attend to: like all padding, it sees everything.
        allowed = real | ~real.any(dim=1, keepdim=True)
        shares = scores.masked_fill(~allowed[:, None], -math.inf).softmax(dim=-1)
        shares = F.dropout(shares, self.attention_dropout, self.training)
        # Dropped shares no longer add up to one, so the bias of the values takes their sum.
        value = self.value.weight.view(self.heads, size, width)
        mixed = torch.einsum("bhd,hsd->bhs", shares @ x, value)
        mixed = mixed + shares.sum(dim=-1, keepdim=True) * self.value.bias.view(self.heads, size)
        return mixed.reshape(rows, 1, width)


class Block(nn.Module):
    """``FFN(α filter(x) + (1 − α) attention(x))``."""

    def __init__(self, width: int, filtering: FrequencyFilter, attention: Attention, alpha: float) -> None:
        super().__init__()
        self.filter = filtering
        self.attention = attention
        self.alpha = alpha
        self.inner = nn.Linear(width, 4 * width)
        self.outer = nn.Linear(4 * width, width)
        self.norm = nn.LayerNorm(width, eps=EPSILON)
        self.dropout = filtering.dropout

    def forward(self, x: Tensor, real: Tensor, last: bool) -> Tensor:
        """Map ``(B, T, d)`` to ``(B, T, d)``, or to ``(B, 1, d)`` when ``last``."""
        mixed = torch.lerp(self.attention(x, real, last), self.filter(x, last), self.alpha)
        return self.norm(mixed + self.dropout(self.outer(F.gelu(self.inner(mixed)))))


class BSARec(nn.Module):
    """Scores the catalogue for the SKU after each history.

    Parameters
    ----------
    skus
        Size of the catalogue N; token 0 is padding, SKU ``i`` is token ``i + 1``.
    length
        Places T of a row; histories stand at its right end.
    c
        Frequencies kept, counted on both sides of zero.
    alpha
        Share of the filter; the rest is attention's.
    dropout, attention_dropout
        Shares dropped of hidden states and of attention.
    """

    def __init__(
        self,
        skus: int,
        length: int = 50,
        width: int = 64,
        blocks: int = 2,
        heads: int = 1,
        c: int = 5,
        alpha: float = 0.7,
        dropout: float = 0.5,
        attention_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.items = nn.Embedding(skus + 1, width, padding_idx=0)
        self.places = nn.Embedding(length, width)
        self.norm = nn.LayerNorm(width, eps=EPSILON)
        self.dropout = ByteDropout(dropout)
        self.blocks = nn.ModuleList(
            Block(
                width,
                FrequencyFilter(width, length, c, self.dropout),
                Attention(width, heads, self.dropout, attention_dropout),
                alpha,
            )
            for _ in range(blocks)
        )
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=INITIAL_SD)
            if isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)

    def hidden(self, rows: Tensor) -> Tensor:
        """Read token rows ``(B, T)`` into the hidden state of the last place, ``(B, d)``."""
        x = self.dropout(self.norm(self.items(rows) + self.places.weight))
        real = rows != 0
        for number, block in enumerate(self.blocks, start=1):
            x = block(x, real, last=number == len(self.blocks))
        return x[:, -1]

    def forward(self, rows: Tensor) -> Tensor:
        """Score every SKU, shape ``(B, N)``; padding is none of them."""
        return self.hidden(rows) @ self.items.weight[1:].T
