import pandas as pd
import pytest
import torch

from rec_assets import columns as c
from rec_assets.errors import RegistryError
from rec_assets.files import read_json, read_table, write_json
from rec_assets.params import Ranking, read_params
from rec_assets.pipeline import run_stage
from rec_assets.recommender.bought import bought_last
from rec_assets.recommender.build import Recipe, build, sku_model
from rec_assets.recommender.demand import Demand
from rec_assets.recommender.model import SkuLanguageModel
from rec_assets.recommender.storage import DEMAND, load_counted
from rec_assets.training.demand import measure_demand
from rec_assets.training.items import Items
from rec_assets.workspace import Workspace


def untrained(workspace: Workspace, items: Items) -> SkuLanguageModel:
    recipe = Recipe(read_params(workspace.params_file).training, 1)
    return sku_model(build(workspace.base_model, items.vocabulary, recipe))


def test_popularity_outweighs_a_model_that_knows_nothing(prepared_workspace: Workspace) -> None:
    items = Items.load(prepared_workspace)
    prompts = read_table(prepared_workspace.prompts / "validation.parquet")
    model = untrained(prepared_workspace, items)
    with torch.no_grad():
        for values in model.tables:
            for parameter in values.parameters():
                parameter.normal_(std=10.0)  # it is sure, and wrong
    demand = measure_demand(prepared_workspace, model, items, prompts, 512)
    assert (demand.weights.sum(1) - 1).abs().max() < 1e-5
    assert (demand.weights[:, 2:].sum(1) > demand.weights[:, :2].sum(1)).all()
    events = read_table(prepared_workspace.behaviour / "events.parquet")
    known = events[events[c.SPLIT] != "test"][c.SKU].value_counts(normalize=True)
    expected = known.reindex(items.registry[c.SKU]).fillna(0).to_numpy()
    torch.testing.assert_close(demand.popular[-1], torch.from_numpy(expected).float())


def test_without_a_common_date_nothing_is_of_late(prepared_workspace: Workspace) -> None:
    windows = prepared_workspace.splits / "windows.json"
    write_json(read_json(windows) | {"strategy": "leave_one_out", "as_of": None}, windows)
    items = Items.load(prepared_workspace)
    prompts = read_table(prepared_workspace.prompts / "validation.parquet")
    demand = measure_demand(prepared_workspace, untrained(prepared_workspace, items), items, prompts, 512)
    assert demand.popular.shape == (1, len(items.registry))
    assert demand.weights.shape[1] == 3
    assert [*demand.table()][-1] == "popular, at all times"


def test_nothing_held_out_leaves_scores_alone(prepared_workspace: Workspace) -> None:
    items = Items.load(prepared_workspace)
    none = pd.DataFrame({c.CUSTOMER: [], c.TARGETS: []})
    demand = measure_demand(prepared_workspace, untrained(prepared_workspace, items), items, none, 512)
    assert demand.weights.numel() == 0


def test_repeats_alone_leave_scores_alone(prepared_workspace: Workspace) -> None:
    items = Items.load(prepared_workspace)
    prompts = read_table(prepared_workspace.prompts / "validation.parquet")
    rows = items.encoder.encode(prompts)
    words = untrained(prepared_workspace, items).words
    skus = items.registry[c.SKU].to_numpy()
    prompts[c.TARGETS] = [skus[bought_last(row.ids, words)] for row in rows]
    demand = measure_demand(prepared_workspace, untrained(prepared_workspace, items), items, prompts, 512)
    assert demand.weights.numel() == 0


def test_the_stage_keeps_it_with_the_model(prepared_workspace: Workspace) -> None:
    report = run_stage(prepared_workspace, "recommender")
    folder = prepared_workspace.recommender
    skus = len(Items.load(prepared_workspace).registry)
    kept = load_counted(folder, skus, Ranking()).demand
    shown = report.tables["what foresees purchases"]
    assert shown.iloc[:, 1:].to_numpy().tolist() == kept.weights.tolist()
    assert (folder / DEMAND).exists()
    assert load_counted(folder, skus, Ranking(demand=False)).demand.weights.numel() == 0
    assert Demand.load(folder / DEMAND, skus + 2).popular.shape[1] == skus + 2


def test_a_model_of_before_is_named(prepared_workspace: Workspace) -> None:
    folder = prepared_workspace.root / "old"
    folder.mkdir()
    (folder / "recommender.json").write_text("{}")
    with pytest.raises(RegistryError, match=r"old holds no demand\.safetensors"):
        load_counted(folder, 3, Ranking())
