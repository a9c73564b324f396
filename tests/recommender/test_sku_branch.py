import pytest
import torch
from torch.nn import functional as F

from rec_assets.params import ItemVectors as VectorSettings
from rec_assets.params import SkuBranches as Settings
from rec_assets.recommender.sku_branch import SkuBranch, leading_directions, make_branches

WORDS = 10
COUNTS = torch.tensor([4, 0, 9, 1])


@pytest.fixture
def branch() -> SkuBranch:
    titles = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
    settings = Settings(copies=1, width=8, heads=2)
    return make_branches(titles, COUNTS, None, VectorSettings(), settings, seed=3)[0].eval()


def test_words_are_skipped_and_padding_changes_nothing(branch: SkuBranch) -> None:
    bare = branch(torch.tensor([[10, 12, 13]]), WORDS)
    mixed = branch(torch.tensor([[5, 10, 2, 12, 7, 13, 0, 0], [1, 11, 0, 0, 0, 0, 0, 0]]), WORDS)
    torch.testing.assert_close(mixed[0, [1, 3, 5]], bare[0])
    torch.testing.assert_close(mixed[0, -1], bare[0, -1])
    torch.testing.assert_close(mixed[0, 2], bare[0, 0])  # nothing new was read
    assert not torch.allclose(mixed[0, 0], bare[0, 0])  # before the first SKU


def test_no_state_sees_what_comes_later(branch: SkuBranch) -> None:
    one, other = (branch(torch.tensor([[10, 12, last]]), WORDS) for last in (13, 11))
    torch.testing.assert_close(one[0, :2], other[0, :2])
    assert not torch.allclose(one[0, 2], other[0, 2])


def test_a_customer_without_purchases_has_a_state(branch: SkuBranch) -> None:
    states = branch(torch.tensor([[1, 2, 3]]), WORDS)
    assert torch.isfinite(states).all()
    torch.testing.assert_close(states[0, 0], states[0, 2])


def test_the_same_seed_gives_the_same_branches_and_leaves_the_generator_alone() -> None:
    titles = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(9)
    expected = torch.rand(3)
    torch.manual_seed(9)
    one = make_branches(titles, COUNTS, None, VectorSettings(), Settings(width=8, heads=2), seed=3)
    assert torch.equal(torch.rand(3), expected)
    two = make_branches(titles, COUNTS, None, VectorSettings(), Settings(width=8, heads=2), seed=3)
    for first, second in zip(one, two, strict=True):
        for name, value in first.state_dict().items():
            assert torch.equal(value, second.state_dict()[name])
    weights = [copy.decoder.layers[0].mlp.up_proj.weight for copy in one]
    assert not torch.equal(weights[0], weights[1])  # copies differ


def test_leading_directions_keep_what_tells_rows_apart() -> None:
    random = torch.Generator().manual_seed(1)
    rows = torch.randn(50, 2, generator=random) @ torch.randn(2, 5, generator=random)  # rank 2
    directions = leading_directions(rows, 3)
    torch.testing.assert_close(rows @ directions.T @ directions, rows, rtol=1e-4, atol=1e-4)
    assert torch.equal(leading_directions(rows, 7)[5:], torch.zeros(2, 5))


def test_co_purchases_bring_branch_vectors_together() -> None:
    titles = torch.zeros(4, 6)
    titles[:, :4] = torch.eye(4)
    counts = torch.tensor([50, 50, 50, 50])
    start = F.normalize(
        torch.tensor(
            [[1.0, 0.1] + [0] * 4, [1.0, -0.1] + [0] * 4, [0.0, 1.0] + [0] * 4, [0.1, 1.0] + [0] * 4]
        ),
        dim=1,
    )
    settings = Settings(width=8, heads=2)
    items = make_branches(titles, counts, start, VectorSettings(), settings, seed=3)[0].eval().items
    near = F.normalize(items(torch.arange(4)), dim=1)
    closeness = near @ near.T
    assert closeness[0, 1] > closeness[0, 2]
    assert closeness[2, 3] > closeness[1, 2]


def test_attention_begins_as_the_mean_of_what_was_read(branch: SkuBranch) -> None:
    attention = branch.decoder.layers[0].self_attn
    rows = torch.randn(1, 5, 8, generator=torch.Generator().manual_seed(4))
    places = torch.arange(5).unsqueeze(0)
    out, _ = attention(rows, branch.decoder.rotary_emb(rows, places), attention_mask=None)
    mean = rows.cumsum(1) / torch.arange(1, 6).view(1, 5, 1)
    torch.testing.assert_close(out, mean, rtol=0.05, atol=0.05)
