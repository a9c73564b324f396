"""A basket from the recommender itself, through the library and the command line."""

import pytest
import torch
from typer.testing import CliRunner

import rec_assets.cli.basket
from rec_assets.cli import app
from rec_assets.errors import UnknownCustomerError
from rec_assets.files import read_table
from rec_assets.generation.basket import suggest_basket
from rec_assets.generation.chains import Sampling
from rec_assets.generation.samplers import ChainSampler
from rec_assets.params import Ranking, read_params
from rec_assets.prompts.wording import read_wording
from rec_assets.recommender.build import Recipe, build
from rec_assets.recommender.storage import save_recommender, trained_tensors
from rec_assets.workspace import Workspace

assert rec_assets.cli.basket.suggest_basket  # registers the command


@pytest.fixture
def shop(prepared_workspace: Workspace) -> Workspace:
    """A shop whose recommender is as it was before its first step."""
    here = prepared_workspace
    recipe = Recipe(read_params(here.params_file).training, seed=1)
    registry = read_table(here.vocabulary / "registry.parquet")
    counts = torch.from_numpy(registry["train_purchases"].to_numpy(copy=True))
    here.recommender.mkdir(parents=True)
    save_recommender(
        trained_tensors(build(here.base_model, here.vocabulary, recipe)), recipe, counts, here.recommender
    )
    read_wording(here.prompts).save(here.recommender)
    return here


def test_a_basket_of_real_articles_not_bought_before(shop: Workspace) -> None:
    params = read_params(shop.params_file)
    events = read_table(shop.behaviour / "events.parquet")
    owned = set(events.loc[events["customer_id"] == "C003", "sku"])
    sampling = Sampling(chains=3, length=4, temperature=2.0)
    basket = suggest_basket(shop, params, "C003", k=6, sampling=sampling, seed=1)
    assert basket["rank"].tolist() == list(range(1, 7))
    assert basket["sku"].is_unique
    assert not set(basket["sku"]) & owned
    assert basket["chains"].between(1, 3).all()
    assert basket["score"].is_monotonic_decreasing
    assert basket["title"].notna().all()
    again = suggest_basket(shop, params, "C003", k=6, sampling=sampling, seed=1)
    assert again["sku"].tolist() == basket["sku"].tolist()
    every = suggest_basket(shop, params, "C003", 30, Sampling(1, 30, 5.0, None, 1.0), include_seen=True)
    assert set(every["sku"]) == set(read_table(shop.vocabulary / "registry.parquet")["sku"])


def test_greedy_chains_begin_with_the_one_pass_favourite(shop: Workspace) -> None:
    ranker = ChainSampler.load(shop.recommender, shop.base_model, shop.vocabulary, Ranking())
    prompts = read_table(shop.prompts / "latest.parquet").head(7)
    barred = ranker.barred({"SKU0001", "SKU0002", "SKU0003", "SKU0004"})
    first = {top.place: top.skus[0] for top in ranker.top(prompts, 1, barred)}
    chains = ranker.chains(prompts, Sampling(2, 4, top_k=1), seed=0, barred=barred)
    assert chains[:, :, 0].tolist() == [[first[place]] * 2 for place in range(7)]
    allowed = set(ranker.indices(["SKU0001", "SKU0002", "SKU0003", "SKU0004"]).tolist())
    assert all(set(chain) == allowed for chain in chains.reshape(-1, 4).tolist())


def test_the_command_prints_a_basket(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUTURIER_HOME", str(shop.root))
    shown = CliRunner().invoke(app, ["suggest-basket", "C003", "--chains", "2", "--k", "3", "--seed", "1"])
    assert shown.exit_code == 0, shown.output
    assert "A basket for customer C003" in shown.output
    assert shown.output.count("SKU0") == 3
    wrong = CliRunner().invoke(app, ["suggest-basket", "C003", "--top-p", "2"])
    assert wrong.exit_code == 1
    assert "top_p" in wrong.stderr


def test_an_unknown_customer_is_named(shop: Workspace) -> None:
    with pytest.raises(UnknownCustomerError, match="nobody"):
        suggest_basket(shop, read_params(shop.params_file), "nobody")
