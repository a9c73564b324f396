import numpy as np
import pytest
from accelerate.data_loader import prepare_data_loader
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from rec_assets.recommender.batches import LengthBatches, collate, last_positions
from rec_assets.vocabulary.token_rows import IGNORED, TokenRow

LENGTHS = st.lists(st.integers(1, 50), min_size=1, max_size=60)


@given(LENGTHS, st.integers(10, 200), st.integers(0, 3))
def test_every_row_comes_once_within_the_budget(lengths: list[int], tokens: int, epoch: int) -> None:
    batches = LengthBatches(lengths, tokens, seed=1)
    batches.set_epoch(epoch)
    drawn = list(batches)
    assert sorted(row for batch in drawn for row in batch) == list(range(len(lengths)))
    for batch in drawn:
        assert len(batch) == 1 or len(batch) * max(lengths[row] for row in batch) <= tokens


@given(LENGTHS, st.integers(1, 8))
def test_processes_get_equally_many_batches(lengths: list[int], replicas: int) -> None:
    alone = list(LengthBatches(lengths, 60, seed=1))
    shared = list(LengthBatches(lengths, 60, seed=1, replicas=replicas))
    assert len(shared) % replicas == 0
    assert len(shared) - len(alone) < replicas
    assert all(batch in alone for batch in shared)


def test_epochs_differ_and_repeat() -> None:
    batches = LengthBatches(list(range(1, 80)), 200, seed=1)
    first = list(batches)
    batches.set_epoch(1)
    assert list(batches) != first
    batches.set_epoch(0)
    assert list(batches) == first


@pytest.mark.parametrize("processes", [1, 2])
def test_every_epoch_has_its_own_order_in_every_process(processes: int) -> None:
    lengths = list(range(1, 80))
    sampler = LengthBatches(lengths, 200, seed=1, replicas=processes)
    loader = prepare_data_loader(
        DataLoader(lengths, batch_sampler=sampler),  # type: ignore[arg-type]
        num_processes=processes,
        process_index=0,
        put_on_device=False,
        even_batches=False,
    )
    epochs = []
    for epoch in range(2):
        loader.set_epoch(epoch)
        epochs.append([batch.tolist() for batch in loader])
    assert epochs[0] != epochs[1]


def test_padding_stands_on_the_right_and_is_ignored() -> None:
    rows = [TokenRow(np.array([4, 5]), np.array([7, IGNORED])), TokenRow(np.array([6]), np.array([IGNORED]))]
    batch = collate(rows)
    assert batch["input_ids"].tolist() == [[4, 5], [6, 0]]
    assert batch["targets"].tolist() == [[7, IGNORED], [IGNORED, IGNORED]]
    assert last_positions(rows).tolist() == [1, 0]
