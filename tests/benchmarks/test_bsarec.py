"""BSARec's shortcuts give what the paper's formulas give, written out here with Fourier transforms."""

import numpy as np
import pytest
import torch
from harness.bsarec import BSARec, low_pass
from harness.bsarec_training import left_padded, prefixes
from harness.dropout import ByteDropout
from torch.nn import functional as F


def by_the_book(network: BSARec, rows: torch.Tensor, c: int) -> torch.Tensor:
    """Compute all places of all blocks, with rfft, dense projections and an additive mask."""
    x = network.norm(network.items(rows) + network.places.weight)
    length = rows.shape[1]
    allowed = (rows != 0)[:, None, :] & torch.ones(length, length, dtype=torch.bool).tril()
    mask = (1.0 - allowed.double()) * -10_000.0
    for block in network.blocks:
        spectrum = torch.fft.rfft(x, dim=1, norm="ortho")
        spectrum[:, c // 2 + 1 :] = 0
        low = torch.fft.irfft(spectrum, n=length, dim=1, norm="ortho")
        filtered = block.filter.norm(low + block.filter.sqrt_beta**2 * (x - low) + x)
        attention = block.attention
        heads = [
            part.unflatten(-1, (attention.heads, -1)).transpose(1, 2)
            for part in (attention.query(x), attention.key(x), attention.value(x))
        ]
        scores = heads[0] @ heads[1].transpose(-1, -2) / heads[0].shape[-1] ** 0.5 + mask[:, None]
        mixed = (scores.softmax(dim=-1) @ heads[2]).transpose(1, 2).flatten(2)
        attended = attention.norm(attention.dense(mixed) + x)
        x = block.alpha * filtered + (1 - block.alpha) * attended
        x = block.norm(block.outer(F.gelu(block.inner(x))) + x)
    return x[:, -1] @ network.items.weight[1:].T


@pytest.mark.parametrize(("heads", "c", "length"), [(1, 5, 12), (2, 3, 9)])
def test_it_scores_and_learns_as_the_formulas_do(heads, c, length):
    torch.manual_seed(0)
    network = BSARec(30, length, width=16, heads=heads, c=c, dropout=0).double()
    for value in network.parameters():  # biases and norms too: a forgotten one would show
        torch.nn.init.normal_(value, std=0.5)
    histories = [np.array([3, 4, 5]), np.array([7]), np.arange(25), np.array([], np.int64)]
    rows = left_padded(histories, length)
    gradients = []
    scores = [network(rows), by_the_book(network, rows, c)]
    for score in scores:
        network.zero_grad()
        score.square().mean().backward()
        gradients.append({name: value.grad for name, value in network.named_parameters()})
    torch.testing.assert_close(scores[0], scores[1], rtol=1e-6, atol=1e-6)
    for name, value in gradients[1].items():
        mine = torch.zeros_like(value) if gradients[0][name] is None else gradients[0][name]
        torch.testing.assert_close(mine, value, rtol=1e-5, atol=1e-6, msg=lambda m, n=name: f"{n}: {m}")


def test_bf16_products_score_nearly_as_float32_does():
    torch.manual_seed(0)
    network = BSARec(30, 12, width=16, dropout=0)
    rows = left_padded([np.array([3, 4, 5]), np.array([7]), np.arange(25)], 12)
    exact = network(rows)
    with torch.autocast("cpu", torch.bfloat16):
        scores = network(rows)
        scores.float().square().mean().backward()
    assert scores.dtype == torch.bfloat16
    torch.testing.assert_close(scores.float(), exact, rtol=0.03, atol=0.03 * exact.std().item())


def test_it_is_as_large_as_the_published_one():
    """The authors' log of their best run on Beauty names this number, their padding class included."""
    assert sum(value.numel() for value in BSARec(12_101).parameters()) == 878_208


def test_the_low_pass_filter_is_a_projection():
    low = low_pass(50, 5)
    torch.testing.assert_close(low @ low, low, rtol=0, atol=1e-6)
    assert torch.linalg.matrix_rank(low) == 5  # the mean, and sine and cosine of two frequencies


def test_every_prefix_is_a_row_and_padding_stands_on_the_left():
    rows, following = prefixes([np.array([4, 0, 2]), np.array([1])], length=2)
    assert rows.tolist() == [[0, 5], [5, 1]]
    assert following.tolist() == [0, 2]
    assert left_padded([np.array([0, 1, 2])], 2).tolist() == [[2, 3]]


def test_dropout_drops_its_share_and_keeps_the_mean():
    dropout = ByteDropout(0.25)
    dropout.seed(1, 2)
    out = dropout(torch.ones(400, 400))
    assert (out == 0).double().mean().item() == pytest.approx(0.25, abs=0.01)
    assert out.unique().tolist() == pytest.approx([0, 4 / 3])
    dropout.seed(1, 2)
    assert torch.equal(dropout(torch.ones(400, 400)), out)
    assert torch.equal(dropout.eval()(torch.ones(3)), torch.ones(3))


def test_a_share_that_bytes_cannot_tell_is_refused():
    with pytest.raises(ValueError, match="multiple"):
        ByteDropout(0.3)
