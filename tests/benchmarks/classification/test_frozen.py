"""States of a frozen model, pooled and kept on disk."""

import numpy as np
import pytest
import torch
from architectures import build
from classification.frozen import pooled_states
from classification.row_cache import RowCache

from rec_assets.backbone.layers import keep_layers


def test_cached_rows_are_computed_once_and_survive(tmp_path):
    computed = []

    def compute(rows):
        for place in np.array_split(rows, 2):
            computed.extend(place.tolist())
            yield place, np.stack([np.outer(place + 1, [1.0, 1e6]), np.outer(place, [2.0, 0.5])])

    cache = RowCache(tmp_path / "states" / "fruit", 2, 10, 2)
    cache.fill(np.array([1, 4]), compute)
    again = RowCache(tmp_path / "states" / "fruit", 2, 10, 2)
    again.fill(np.array([4, 7, 1]), compute)
    assert computed == [1, 4, 7]
    assert again.read(1, np.array([7, 1])).tolist() == [[14.0, 3.5], [2.0, 0.5]]
    assert again.read(0, np.array([4]))[0, 1] == 65_504  # float16 has no more
    with pytest.raises(ValueError, match="fill"):
        again.read(0, np.array([2]))
    assert not RowCache(tmp_path / "states" / "fruit", 2, 11, 2).known.any()


@pytest.mark.parametrize("name", ["llama", "gpt2", "gemma3"])
def test_pooled_states_are_those_of_each_row_alone(name):
    model = build(name)
    rows = [[1, 5, 9, 11], [1, 7], [1], [1, 8, 4]]
    scattered = {
        int(place): states[:, :, i]
        for places, states in pooled_states(model, rows, "read")
        for i, place in enumerate(places)
    }
    for place, ids in enumerate(rows):
        with torch.no_grad():
            out = model.get_decoder()(torch.tensor([ids]), output_hidden_states=True)
        every = [hidden[0] for hidden in out.hidden_states]
        for layer, hidden in enumerate(every):
            if layer < 3:
                hidden = hidden / hidden.pow(2).mean(dim=-1, keepdim=True).sqrt()
            inner = hidden[1:] if len(ids) > 1 else hidden
            torch.testing.assert_close(scattered[place][layer, 0], hidden[-1], rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(scattered[place][layer, 1], inner.mean(dim=0), rtol=1e-4, atol=1e-5)


def test_a_truncated_model_gives_the_states_of_the_whole_one():
    model, cut = build("llama"), build("llama")
    keep_layers(cut, 2)
    rows = [[1, 5, 9, 11], [1, 7, 3, 2]]
    (_, whole), (_, part) = (
        next(pooled_states(model, rows, "read", [1, 2])),
        next(pooled_states(cut, rows, "read", [1, 2], truncated=True)),
    )
    torch.testing.assert_close(part, whole)
