import numpy as np
import pytest
import torch
from architectures import CONFIGS, EXPERTS, VOCABULARY, build

from rec_assets.heads.errors import HeadError
from rec_assets.heads.features import (
    check_layer,
    pool,
    read_all_layers,
    read_beside,
    read_features,
    states_at,
)
from rec_assets.heads.language_model import LanguageModel
from rec_assets.heads.linear import choose_features, logistic_head

ROWS = [[1, 5, 9], [1, 7], [1, 8, 4], [1, 5, 9, 11]]


@pytest.mark.parametrize("name", sorted(CONFIGS | EXPERTS))
@torch.no_grad()
def test_a_layers_states_are_those_transformers_gives(name):
    language = LanguageModel(build(name), None)
    ids = torch.randint(3, VOCABULARY, (2, 7), generator=torch.Generator().manual_seed(1))
    expected = language.decoder(input_ids=ids, output_hidden_states=True, use_cache=False)

    def found(layer):
        return states_at(language, check_layer(language, layer), input_ids=ids)

    for layer in range(3):
        assert torch.equal(found(layer), expected.hidden_states[layer])
    for last in (3, -1, None):
        assert torch.equal(found(last), expected.last_hidden_state)


def test_all_layers_in_one_pass_agree_with_each_alone():
    language = LanguageModel(build("llama"), None)
    found = read_all_layers(language, ROWS)
    assert set(found) == {(layer, pooling) for layer in range(4) for pooling in ("last", "mean")}
    for (layer, pooling), states in found.items():
        torch.testing.assert_close(
            states, read_features(language, ROWS, check_layer(language, layer), pooling)
        )


@pytest.mark.parametrize("name", sorted(CONFIGS))
def test_a_layer_on_the_way_and_the_last_come_out_of_one_pass(name):
    language = LanguageModel(build(name), None)
    passes = []
    language.decoder.register_forward_hook(lambda *_: passes.append(1))
    for place in (0, 2, None):
        passes.clear()
        below, last = read_beside(language, ROWS, place, "mean")
        assert len(passes) == 3  # rows of three lengths
        torch.testing.assert_close(below, read_features(language, ROWS, place, "mean"))
        torch.testing.assert_close(last, read_features(language, ROWS, None, "last"))


def test_the_mean_leaves_the_first_token_out():
    states = torch.tensor([[[1000.0], [1.0], [3.0]]])
    assert pool(states, "mean").item() == 2.0
    assert pool(states, "last").item() == 3.0
    assert pool(states[:, :1], "mean").item() == 1000.0


def test_a_layer_that_is_not_there_is_refused():
    with pytest.raises(HeadError, match="no layer 4 of 3"):
        check_layer(LanguageModel(build("llama"), None), 4)


def test_the_layer_that_tells_the_labels_apart_is_chosen():
    random = torch.Generator().manual_seed(3)
    targets = np.arange(40) % 2
    noise = torch.randn(40, 8, generator=random)
    telling = torch.randn(40, 8, generator=random) + 2 * torch.tensor(targets)[:, None]
    layers = {(0, "last"): noise, (1, "mean"): telling, (2, "last"): noise.flip(0)}
    assert choose_features(layers, targets, 0.1, seed=7) == (1, "mean")


@pytest.mark.parametrize(("poolings", "chosen"), [(("last", "mean"), "last"), (("mean",), "mean")])
def test_where_nothing_can_be_compared_it_is_the_last_layer(poolings, chosen):
    layers = {(layer, pooling): torch.zeros(2, 4) for layer in range(4) for pooling in poolings}
    assert choose_features(layers, np.array([0, 1]), 0.1, seed=7) == (3, chosen)


@pytest.mark.parametrize("labels", [2, 3])
def test_the_folded_rows_are_the_regression(labels):
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    targets = np.arange(60) % labels
    noise = torch.randn(60, 5, generator=torch.Generator().manual_seed(3))
    states = (noise + torch.tensor(targets)[:, None]) * torch.logspace(-2, 2, 5) + 3
    head = logistic_head(states, targets, range(labels), "{text}", 0.5)
    expected = make_pipeline(StandardScaler(), LogisticRegression(C=0.5)).fit(states.numpy(), targets)
    found = head(states).softmax(-1).detach()
    np.testing.assert_allclose(found, expected.predict_proba(states.numpy()), rtol=1e-2, atol=1e-3)
