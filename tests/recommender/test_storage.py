from pathlib import Path

import pytest
import torch

from rec_assets.errors import RegistryError
from rec_assets.files import read_json, write_json
from rec_assets.params import Training
from rec_assets.recommender.build import Recipe, build, sku_model
from rec_assets.recommender.model import SkuLanguageModel
from rec_assets.recommender.storage import RECIPE, load_recommender, save_recommender, trained_tensors

IDS = torch.tensor([[1, 51, 56, 3, 54]])
LAST = torch.tensor([4])
COUNTS = torch.tensor([9, 4, 0, 1, 0, 25])


def shaken(base: Path, vocabulary: Path, recipe: Recipe) -> torch.nn.Module:
    """A built model whose every trained tensor has moved from its start."""
    model = build(base, vocabulary, recipe)
    torch.manual_seed(5)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.1)
    return model.eval()


def logits(model: SkuLanguageModel) -> torch.Tensor:
    return model.last_states(IDS, LAST) @ model.head().T


@pytest.mark.parametrize("method", ["qlora", "lora", "full"])
@pytest.mark.parametrize("fresh", [0, 1])
def test_saved_folded_and_loaded_it_ranks_the_same(
    method: str, fresh: int, tiny_base: Path, vocabulary: Path, tmp_path: Path
) -> None:
    recipe = Recipe(Training.model_validate({"method": method, "fresh_layers": fresh}), seed=1)
    model = shaken(tiny_base, vocabulary, recipe)
    save_recommender(trained_tensors(model), recipe, COUNTS, tmp_path)
    loaded = load_recommender(tmp_path, tiny_base, vocabulary)
    torch.testing.assert_close(logits(loaded), logits(sku_model(model)), rtol=1e-4, atol=1e-4)
    assert not any("lora" in name or "_gate" in name for name, _ in loaded.named_parameters())


def test_it_loads_around_a_registry_that_has_grown(
    tiny_base: Path, vocabulary: Path, longer_vocabulary: Path, tmp_path: Path
) -> None:
    recipe = Recipe(Training(method="lora"), seed=1)
    model = shaken(tiny_base, vocabulary, recipe)
    save_recommender(trained_tensors(model), recipe, COUNTS, tmp_path)
    grown = logits(load_recommender(tmp_path, tiny_base, longer_vocabulary))
    assert grown.shape == (1, 8)
    torch.testing.assert_close(grown[:, :6], logits(sku_model(model)), rtol=1e-4, atol=1e-4)


def test_a_registry_that_shrank_is_refused(
    tiny_base: Path, vocabulary: Path, longer_vocabulary: Path, tmp_path: Path
) -> None:
    recipe = Recipe(Training(method="lora"), seed=1)
    model = build(tiny_base, longer_vocabulary, recipe)
    save_recommender(trained_tensors(model), recipe, torch.tensor([90, 40, 7, 10, 0, 250, 0, 3]), tmp_path)
    with pytest.raises(RegistryError, match=r"knows SKU 7, the registry ends at 5"):
        load_recommender(tmp_path, tiny_base, vocabulary)


def test_a_folder_without_a_model_names_the_stage(tiny_base: Path, vocabulary: Path, tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="couturier stage recommender"):
        load_recommender(tmp_path, tiny_base, vocabulary)


def test_the_same_seed_writes_the_same_bytes(tiny_base: Path, vocabulary: Path, tmp_path: Path) -> None:
    recipe = Recipe(Training(method="qlora", fresh_layers=1), seed=1)
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        save_recommender(
            trained_tensors(build(tiny_base, vocabulary, recipe)), recipe, COUNTS, tmp_path / name
        )
    one, two = ((tmp_path / name / "trained.safetensors").read_bytes() for name in ("one", "two"))
    assert one == two


def test_a_recipe_of_another_release_is_named(tiny_base: Path, vocabulary: Path, tmp_path: Path) -> None:
    recipe = Recipe(Training(method="lora"), seed=1)
    save_recommender(trained_tensors(build(tiny_base, vocabulary, recipe)), recipe, COUNTS, tmp_path)
    kept = read_json(tmp_path / RECIPE)
    write_json(kept | {"training": kept["training"] | {"sku_branch": True}}, tmp_path / RECIPE)
    with pytest.raises(RegistryError, match=r"does not know or allow: training\.sku_branch\."):
        load_recommender(tmp_path, tiny_base, vocabulary)
