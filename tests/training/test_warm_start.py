from pathlib import Path

import pytest
import torch

from rec_assets.errors import RegistryError
from rec_assets.files import read_json
from rec_assets.params import Training, change_params
from rec_assets.pipeline import run_stage
from rec_assets.recommender.build import Recipe, build
from rec_assets.recommender.storage import save_recommender, trained_tensors
from rec_assets.registry.versions import store
from rec_assets.training.warm_start import _carried, item_vectors_of, start_from
from rec_assets.workspace import Workspace

COUNTS = torch.tensor([9, 4, 0, 1, 0, 25])  # the fixture's; SKUs 2 and 4 are not sold
GROWN = torch.tensor([90, 40, 7, 10, 0, 250, 0, 3])  # SKUs 2 and 7 have been sold since


@pytest.fixture
def parent(tiny_base: Path, vocabulary: Path, tmp_path: Path) -> tuple[Path, dict[str, torch.Tensor]]:
    recipe = Recipe(Training(method="lora"), seed=1)
    model = build(tiny_base, vocabulary, recipe)
    torch.manual_seed(5)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter))
    folder = tmp_path / "parent"
    folder.mkdir()
    trained = trained_tensors(model)
    save_recommender(trained, recipe, COUNTS, folder)
    return folder, trained


def test_skus_sold_since_start_from_their_projected_titles_all_else_from_the_parent(
    parent: tuple[Path, dict[str, torch.Tensor]], tiny_base: Path, longer_vocabulary: Path
) -> None:
    folder, stored = parent
    model = build(tiny_base, longer_vocabulary, Recipe(Training(method="lora"), seed=2), GROWN)
    parts = item_vectors_of(model)
    assert start_from(model, parts, folder) == 4
    after = trained_tensors(model)
    assert len(parts) == 3  # of the layers, and of the branches that read SKUs
    for name in after.keys() - {f"{part}.ids" for part in parts}:
        torch.testing.assert_close(after[name], stored[name])
    for part, items in parts.items():
        # Rows are those of SKUs sold: 0 1 3 5 in the parent, 0 1 2 3 5 7 now.
        ids = after[f"{part}.ids"]
        torch.testing.assert_close(ids[[0, 1, 3, 4]], stored[f"{part}.ids"])
        projection = stored[f"{part}.projection"]
        torch.testing.assert_close(ids[[2, 5]], items.titles[[2, 7]] @ projection.T, rtol=1e-4, atol=1e-5)


def test_co_purchases_of_skus_sold_since_are_turned_into_the_parents_space() -> None:
    random = torch.Generator().manual_seed(1)
    titles, behaviour = torch.randn(12, 6, generator=random), torch.randn(12, 6, generator=random)
    rotation = torch.linalg.qr(torch.randn(6, 6, generator=random)).Q
    learned = titles + 3 * behaviour @ rotation  # what the parent would hold of all twelve
    known = torch.arange(10)
    table, shared = _carried(behaviour, titles, torch.arange(12), learned[:10], known)
    assert shared == 10
    torch.testing.assert_close(table, learned)


def test_another_method_starts_anew(
    parent: tuple[Path, dict[str, torch.Tensor]], tiny_base: Path, vocabulary: Path
) -> None:
    model = build(tiny_base, vocabulary, Recipe(Training(method="full"), seed=2))
    before = trained_tensors(model)
    assert start_from(model, item_vectors_of(model), parent[0]) is None
    assert all(torch.equal(value, before[name]) for name, value in trained_tensors(model).items())


def test_a_retraining_starts_where_its_parent_ended(prepared_workspace: Workspace) -> None:
    anew = run_stage(prepared_workspace, "recommender")
    windows = read_json(prepared_workspace.splits / "windows.json")
    store(prepared_workspace, "aaa", {"windows": windows})
    store(prepared_workspace, "bbb", {"windows": windows | {"validation_start": "2024-10-05"}})
    change_params(prepared_workspace.params_file, {"lineage.parent": "aaa"})
    again = run_stage(prepared_workspace, "recommender")
    assert "started from aaa with" in again.summary
    first = {
        name: report.tables["curve"]["train_loss"].iloc[0]
        for name, report in (("anew", anew), ("again", again))
    }
    assert first["again"] < first["anew"]
    change_params(prepared_workspace.params_file, {"lineage.parent": "bbb"})
    ahead = run_stage(prepared_workspace, "recommender").summary
    assert "started anew: bbb learnt from purchases that are held out now" in ahead
    change_params(prepared_workspace.params_file, {"lineage.parent": "ccc"})
    with pytest.raises(RegistryError, match="ccc is not stored"):
        run_stage(prepared_workspace, "recommender")
    change_params(prepared_workspace.params_file, {"lineage.parent": "aaa", "training.warm_start": False})
    assert "started" not in run_stage(prepared_workspace, "recommender").summary
    change_params(prepared_workspace.params_file, {"training.warm_start": True, "training.method": "full"})
    assert "another method" in run_stage(prepared_workspace, "recommender").summary
