import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from transformers import TrainerCallback

from rec_assets.errors import TableError
from rec_assets.files import content_hash, read_table, write_table
from rec_assets.params import change_params
from rec_assets.pipeline import run_stage
from rec_assets.training import stage
from rec_assets.training.curve import Curve
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
    }
    assert not prepared_workspace.checkpoints.exists()


def test_everything_that_should_learn_moves(prepared_workspace: Workspace) -> None:
    report = run_stage(prepared_workspace, "recommender")
    moved = report.tables["what moved"].set_index("part")
    assert {"items", "lora", "gate", "norm"} == set(moved.index)
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


def test_a_checkpoint_of_other_parameters_is_not_resumed(prepared_workspace: Workspace) -> None:
    from rec_assets.params import read_params

    first = stage._fingerprint(prepared_workspace, read_params(prepared_workspace.params_file))
    params = change_params(prepared_workspace.params_file, {"training.learning_rate": 0.5})
    assert stage._fingerprint(prepared_workspace, params) != first


def test_a_checkpoint_cut_short_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "checkpoint-2").mkdir()
    (tmp_path / "checkpoint-2" / "trainer_state.json").write_text(json.dumps({}))
    (tmp_path / "checkpoint-10").mkdir()
    assert stage._newest(tmp_path) == str(tmp_path / "checkpoint-2")
    assert stage._newest(tmp_path / "none") is None


def test_no_purchase_to_learn_from_is_said(prepared_workspace: Workspace) -> None:
    path = prepared_workspace.prompts / "train.parquet"
    write_table(read_table(path).head(0), path)
    with pytest.raises(TableError, match="no purchase to learn from"):
        run_stage(prepared_workspace, "recommender")
