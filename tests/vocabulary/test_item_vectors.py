import pytest
import torch
from torch.nn import functional as F

from rec_assets.params import ItemVectors as Settings
from rec_assets.vocabulary.item_vectors import ItemVectors

TITLES = torch.randn(5, 8, generator=torch.Generator().manual_seed(1))
COUNTS = torch.tensor([0, 5, 15, 0, 45])


def vectors(**settings: float) -> ItemVectors:
    return ItemVectors(TITLES, COUNTS, Settings(id_dropout=0.0, **settings))


def test_the_mix_grows_with_purchases_from_zero() -> None:
    assert vectors(half_count=5.0, id_limit=0.8).mix.tolist() == pytest.approx([0, 0.4, 0.6, 0, 0.72])


def test_a_new_arrival_is_its_projected_title() -> None:
    items = vectors()
    with torch.no_grad():
        items.projection.copy_(torch.randn(8, 8))
        items.ids.fill_(1e6)
    torch.testing.assert_close(items(torch.tensor([0, 3])), TITLES[[0, 3]] @ items.projection.T)


def test_a_sold_article_mixes_its_own_id_part() -> None:
    items = vectors(half_count=5.0)
    expected = 0.5 * TITLES[1] + 0.5 * items.ids[0]
    torch.testing.assert_close(items(torch.tensor([1]))[0], expected)
    assert len(items.ids) == 3
    assert items.sold.tolist() == [1, 2, 4]


def test_without_co_purchases_every_vector_starts_at_its_title() -> None:
    torch.testing.assert_close(vectors()(torch.arange(5)), TITLES)


def test_co_purchases_move_the_start_of_id_parts_by_title_lengths() -> None:
    start = F.normalize(torch.randn(3, 8, generator=torch.Generator().manual_seed(2)), dim=1)
    items = ItemVectors(TITLES, COUNTS, Settings(id_dropout=0.0, co_purchase_weight=2.0), start)
    length = TITLES.norm(dim=1).mean()
    torch.testing.assert_close(items.ids.detach(), TITLES[[1, 2, 4]] + 2 * length * start)
    torch.testing.assert_close(items(torch.tensor([0, 3])), TITLES[[0, 3]])


def test_head_rows_are_the_layer_normalised_vectors() -> None:
    items = vectors()
    rows = items(torch.arange(5))
    torch.testing.assert_close(items.head(rows), F.layer_norm(rows, (8,)) / 8**0.5)


def test_gradients_reach_only_articles_that_were_read() -> None:
    items = vectors()
    items(torch.tensor([0, 2])).sum().backward()
    assert items.ids.grad is not None
    assert items.ids.grad.abs().sum(dim=1).gt(0).tolist() == [False, True, False]


def test_id_dropout_reads_some_articles_by_title_alone() -> None:
    items = ItemVectors(TITLES, COUNTS, Settings(id_dropout=0.5), torch.ones(3, 8))
    torch.manual_seed(0)
    drawn = torch.stack([items(torch.tensor([4])) for _ in range(64)])
    alone = (drawn == TITLES[4]).all(dim=-1).float().mean()
    assert 0.25 < float(alone) < 0.75
    items.eval()
    assert not (items(torch.tensor([4])) == TITLES[4]).all()


def test_a_catalogue_nobody_bought_from_still_has_vectors() -> None:
    items = ItemVectors(TITLES, torch.zeros(5), Settings())
    torch.testing.assert_close(items.eval()(torch.arange(5)), TITLES)
