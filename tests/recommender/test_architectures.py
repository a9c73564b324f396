"""Built, trained one step, saved, loaded: the same on every architecture."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from architectures import CONFIGS, EXPERTS, VOCABULARY, without_gates
from architectures import build as tiny

from rec_assets.params import Training
from rec_assets.recommender.build import Recipe, build, sku_model
from rec_assets.recommender.model import SkuLanguageModel
from rec_assets.recommender.storage import load_recommender, save_recommender, trained_tensors

IDS = torch.tensor([[1, VOCABULARY, VOCABULARY + 5, 5, VOCABULARY + 3]])
TARGETS = torch.tensor([[0, -100, -100, 3, 5]])
LAST = torch.tensor([4])
COUNTS = torch.tensor([9, 4, 0, 1, 0, 25])
Around = Callable[[Path], Path]


@pytest.fixture(params=sorted(CONFIGS | EXPERTS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def base(name: str, tmp_path: Path) -> Path:
    tiny(name).save_pretrained(tmp_path / "base")
    return tmp_path / "base"


def logits(model: SkuLanguageModel) -> torch.Tensor:
    return model.last_states(IDS, LAST) @ model.head().T


@pytest.mark.parametrize("method", ["qlora", "full"])
def test_every_trained_tensor_has_a_gradient_and_survives_the_disk(
    name: str, base: Path, vocabulary_around: Around, tmp_path: Path, method: str
) -> None:
    settings = {"method": method, "dropout": 0.0, **without_gates(name)}
    recipe = Recipe(Training.model_validate(settings), seed=1)
    vocabulary = vocabulary_around(base)
    model = build(base, vocabulary, recipe)
    model.train()
    model(input_ids=IDS, targets=TARGETS).loss.backward()
    trained = {name: value for name, value in model.named_parameters() if value.requires_grad}
    assert [name for name, value in trained.items() if value.grad is None] == []
    torch.manual_seed(5)
    with torch.no_grad():
        for value in trained.values():
            value.add_(torch.randn_like(value) * 0.05)
    (tmp_path / "trained").mkdir()
    save_recommender(trained_tensors(model), recipe, COUNTS, tmp_path / "trained")
    loaded = load_recommender(tmp_path / "trained", base, vocabulary)
    torch.testing.assert_close(logits(loaded), logits(sku_model(model.eval())), rtol=1e-3, atol=1e-3)


def test_skus_enter_as_strongly_as_words(name: str, base: Path, vocabulary_around: Around) -> None:
    vocabulary = vocabulary_around(base)
    model = sku_model(build(base, vocabulary, Recipe(Training(method="full", **without_gates(name)), seed=1)))
    rows = model.embed(IDS)[0].detach().norm(dim=-1)
    assert 0.3 < float(rows[[1, 2, 4]].mean() / rows[[0, 3]].mean()) < 3


@pytest.mark.parametrize("method", ["qlora", "lora", "full"])
def test_in_the_number_formats_of_a_gpu(
    tiny_base: Path, vocabulary: Path, tmp_path: Path, method: str
) -> None:
    """Frozen layers in bf16, what is trained in fp32; ranked in bf16 with an fp32 head."""
    recipe = Recipe(Training.model_validate({"method": method, "dropout": 0.0, "fresh_layers": 1}), seed=1)
    model = build(tiny_base, vocabulary, recipe, dtype=torch.bfloat16)
    trained = {name: value for name, value in model.named_parameters() if value.requires_grad}
    assert {value.dtype for value in trained.values()} == {torch.float32}
    ids, targets = torch.tensor([[1, 51, 56, 3, 54]]), torch.tensor([[0, -100, -100, 3, 5]])
    optimiser = torch.optim.AdamW(trained.values(), lr=1e-3)
    before = {name: value.detach().clone() for name, value in trained.items()}
    model.train()
    for _ in range(2):  # LoRA's A has no gradient before B has moved
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = model(input_ids=ids, targets=targets).loss
        loss.backward()
        optimiser.step()
    assert [name for name, value in trained.items() if torch.equal(value, before[name])] == []
    save_recommender(trained_tensors(model), recipe, COUNTS, tmp_path)
    loaded = load_recommender(tmp_path, tiny_base, vocabulary, dtype=torch.bfloat16)
    scores = loaded.last_states(ids, LAST) @ loaded.head().T
    exact = load_recommender(tmp_path, tiny_base, vocabulary)
    torch.testing.assert_close(scores, exact.last_states(ids, LAST) @ exact.head().T, rtol=0.1, atol=0.1)
