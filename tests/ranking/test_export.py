"""A plain checkpoint with the recommender's own logits, whatever the base model."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from architectures import CONFIGS, EXPERTS, VOCABULARY, without_gates
from architectures import build as tiny
from transformers import AutoModelForCausalLM, AutoTokenizer

from rec_assets.files import read_json, read_table
from rec_assets.params import Training
from rec_assets.ranking import export as export_module
from rec_assets.recommender.build import Recipe, build
from rec_assets.recommender.storage import load_recommender, save_recommender, trained_tensors
from rec_assets.vocabulary.sku_tokens import extend_tokenizer
from rec_assets.workspace import Workspace

IDS = torch.tensor([[1, VOCABULARY, VOCABULARY + 5, 5, VOCABULARY + 3]])


@pytest.mark.parametrize("name", sorted(CONFIGS | EXPERTS))
def test_logits_of_every_sku_are_equal(
    name: str,
    tiny_base: Path,
    vocabulary_around: Callable[[Path], Path],
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    base, trained = workspace.base_model, workspace.recommender
    tiny(name).save_pretrained(base)
    vocabulary = vocabulary_around(base)
    registry = read_table(vocabulary / "registry.parquet")
    # The tiny tokenizer has fewer words than the model has rows, as Qwen's and OPT's have.
    words = AutoTokenizer.from_pretrained(tiny_base)
    extend_tokenizer(words, VOCABULARY, registry).save_pretrained(vocabulary / "tokenizer")
    recipe = Recipe(Training(**without_gates(name)), seed=1)
    model = build(base, vocabulary, recipe)
    torch.manual_seed(5)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.05)
    trained.mkdir(parents=True)
    save_recommender(trained_tensors(model), recipe, torch.tensor([9, 4, 0, 1, 0, 25]), trained)
    monkeypatch.setattr(export_module, "serving_model", lambda _: (trained, base, vocabulary))

    out = export_module.export(workspace, workspace.root / "exported")

    tokens = read_json(out / "skus.json")
    order = [tokens[sku] for sku in registry["sku"]]
    assert AutoTokenizer.from_pretrained(out).convert_tokens_to_ids(registry["token"].tolist()) == order
    own = load_recommender(trained, base, vocabulary)
    with torch.no_grad():
        logits = AutoModelForCausalLM.from_pretrained(out).eval()(IDS).logits[0, -1, order]
        read = [0, *(1 + int(i) - VOCABULARY for i in IDS[0] if i >= VOCABULARY)]
        for folder in sorted(out.glob("sku_branch_*")):
            branch = AutoModelForCausalLM.from_pretrained(folder).eval()
            logits += branch(torch.tensor([read])).logits[0, -1, 1:]
    expected = (own.last_states(IDS, torch.tensor([4])) @ own.head().T)[0]
    torch.testing.assert_close(logits, expected, rtol=1e-3, atol=1e-3)
