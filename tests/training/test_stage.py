import shutil
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest
from transformers import TrainerCallback

from rec_assets.errors import TableError
from rec_assets.files import content_hash, read_table, write_table
from rec_assets.params import Training, change_params
from rec_assets.pipeline import run_stage
from rec_assets.training import stage, trainer
from rec_assets.training.curve import Curve
from rec_assets.training.stage import mask_seen
from rec_assets.vocabulary.token_rows import TokenRow
from rec_assets.workspace import Workspace


def test_training_writes_the_model_and_its_curve(prepared_workspace: Workspace) -> None:
    report = run_stage(prepared_workspace, "recommender")
    curve = pd.read_csv(prepared_workspace.reports / "training_curve.csv")
    assert curve["epoch"].tolist() == [1, 2, 3]
    assert curve["train_loss"].iloc[-1] < curve["train_loss"].iloc[0]
    assert report.metrics["validation_ndcg@10"] == pytest.approx(curve["validation_ndcg@10"].max())
    assert {file.name for file in prepared_workspace.recommender.iterdir()} == {
        "trained.safetensors",
        "recommender.json",
        "training_curve.png",
        "demand.safetensors",
        "wording.json",
    }
    assert not prepared_workspace.checkpoints.exists()


def test_everything_that_should_learn_moves(prepared_workspace: Workspace) -> None:
    report = run_stage(prepared_workspace, "recommender")
    moved = report.tables["what moved"].set_index("part")
    assert {"items", "lora", "gate", "layers", "norm", "branches"} == set(moved.index)
    assert (moved["change"] > 0).all()


def test_the_same_inputs_give_the_same_bytes(prepared_workspace: Workspace) -> None:
    run_stage(prepared_workspace, "recommender")
    first = content_hash(prepared_workspace.recommender)
    run_stage(prepared_workspace, "recommender")
    assert content_hash(prepared_workspace.recommender) == first


class Killed(BaseException):
    """What a kill looks like from inside."""


class KillAfter(TrainerCallback):
    def __init__(self, epoch: int) -> None:
        self._epoch = epoch

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.epoch > self._epoch:
            raise Killed


def test_a_killed_training_goes_on_to_the_same_model(
    prepared_workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_stage(prepared_workspace, "recommender")
    whole = content_hash(prepared_workspace.recommender)
    shutil.rmtree(prepared_workspace.recommender)
    with monkeypatch.context() as patch:
        patch.setattr(Curve, "callback", lambda self, tracker: KillAfter(2))
        with pytest.raises(Killed):
            run_stage(prepared_workspace, "recommender")
    assert not prepared_workspace.recommender.exists()
    assert list(prepared_workspace.checkpoints.rglob("checkpoint-*"))
    run_stage(prepared_workspace, "recommender")
    assert content_hash(prepared_workspace.recommender) == whole


def test_patience_survives_a_kill(prepared_workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    change_params(prepared_workspace.params_file, {"training.epochs": 6, "training.patience": 2})
    scores = iter([])
    monkeypatch.setattr(trainer, "ndcg_at_10", lambda *_: next(scores))
    scores = iter([0.5, 0.4])
    with monkeypatch.context() as patch:
        patch.setattr(Curve, "callback", lambda self, tracker: KillAfter(2))
        with pytest.raises(Killed):
            run_stage(prepared_workspace, "recommender")
    scores = iter([0.3, 0.9, 0.2, 0.1])  # the third epoch is the second without a better one
    report = run_stage(prepared_workspace, "recommender")
    assert report.metrics["validation_ndcg@10"] == 0.5
    assert report.metrics["epochs"] == 3


@pytest.mark.parametrize("method", ["qlora", "lora", "full"])
def test_bf16_by_autocast(prepared_workspace: Workspace, method: str) -> None:
    changes = {"training.precision": "bf16", "training.method": method, "training.epochs": 1}
    change_params(prepared_workspace.params_file, changes)
    report = run_stage(prepared_workspace, "recommender")
    assert (report.tables["what moved"]["change"] > 0).all()
    run_stage(prepared_workspace, "holdout_rankings")


def test_rates_and_decay_reach_the_parameters_they_are_for(
    prepared_workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, Any]] = []
    create = trainer.RecommenderTrainer.create_optimizer

    def remember(self: Any, model: Any = None) -> Any:
        optimiser = create(self, model)
        names = {id(value): name for name, value in self.model.named_parameters()}
        for group in optimiser.param_groups:
            for value in group["params"]:
                seen.append({"name": names[id(value)], "lr": group["lr"], "decay": group["weight_decay"]})
        return optimiser

    monkeypatch.setattr(trainer.RecommenderTrainer, "create_optimizer", remember)
    changes: dict[str, Any] = {"learning_rate": 0.01, "item_learning_rate": 0.02, "weight_decay": 0.3}
    changes |= {"epochs": 1, "sku_branches": {"learning_rate": 0.03, "item_learning_rate": 0.04}}
    change_params(prepared_workspace.params_file, {"training": changes})
    run_stage(prepared_workspace, "recommender")
    table = pd.DataFrame(seen).set_index("name")
    branch = table.index.str.contains("branch")
    items = table.index.str.contains("items") & ~branch
    assert set(table.loc[branch & ~table.index.str.contains("items"), "lr"]) == {0.03}
    assert set(table.loc[branch & table.index.str.contains("items"), "lr"]) == {0.04}
    assert set(table.loc[items, "lr"]) == {0.02}
    assert set(table.loc[~items & ~branch, "lr"]) == {0.01}
    matrices = table.index.str.contains(r"lora_|items\.ids|items\.projection|_proj\.weight")
    assert set(table.loc[matrices, "decay"]) == {0.3}
    assert set(table.loc[~matrices, "decay"]) == {0.0}


def test_a_checkpoint_of_other_parameters_is_not_resumed(prepared_workspace: Workspace) -> None:
    from rec_assets.params import read_params

    first = stage._fingerprint(prepared_workspace, read_params(prepared_workspace.params_file))
    params = change_params(prepared_workspace.params_file, {"training.learning_rate": 0.5})
    assert stage._fingerprint(prepared_workspace, params) != first


@pytest.mark.parametrize(
    ("again", "setting", "masked"),
    [(False, "auto", True), (True, "auto", False), (True, True, True), (False, False, False)],
)
def test_what_was_bought_is_masked_where_nobody_buys_twice(
    again: bool, setting: Literal["auto"] | bool, masked: bool
) -> None:
    words = 10
    ids = np.array([1, words, words + 1, words if again else words + 2])
    rows = [TokenRow(ids, np.array([0, 1, ids[-1] - words, -100]))]
    assert mask_seen(Training(mask_seen=setting), rows, words) is masked


def test_no_purchase_to_learn_from_is_said(prepared_workspace: Workspace) -> None:
    path = prepared_workspace.prompts / "train.parquet"
    write_table(read_table(path).head(0), path)
    with pytest.raises(TableError, match="no purchase to learn from"):
        run_stage(prepared_workspace, "recommender")
