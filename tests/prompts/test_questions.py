"""A model is asked in the wording it was trained on, whatever the newest prompts say."""

import difflib

import pandas as pd
import pytest
import yaml

from rec_assets.errors import TableError
from rec_assets.evaluation import splits
from rec_assets.features import behaviour, item_texts
from rec_assets.files import read_json, read_table, write_json, write_table
from rec_assets.params import Params
from rec_assets.prompts import questions as asking
from rec_assets.prompts import stage
from rec_assets.prompts.questions import QUESTIONS, questions
from rec_assets.prompts.wording import WORDING, read_wording
from rec_assets.workspace import Workspace

OLD = {"header": ["{gender}", "from {country}"], "moment": "in {month}", "closing": "now {month}"}


def asked(workspace: Workspace, strategy: str, template: str, history: int) -> dict[str, pd.DataFrame]:
    params = Params.model_validate(
        {"prompts": {"template": template, "history": history}, "splits": {"strategy": strategy}}
    )
    for step in (splits.run, item_texts.run, behaviour.run, stage.run):
        step(workspace, params)
    return {kind: read_table(workspace.prompts / f"{kind}.parquet") for kind in QUESTIONS}


@pytest.fixture(params=["time", "leave_one_out"])
def reworded(request: pytest.FixtureRequest, validated_workspace: Workspace):
    """Old questions, the folder of a model that knows them, and a workspace that asks otherwise."""
    (validated_workspace.root / "old.yaml").write_text(yaml.safe_dump(OLD))
    old = asked(validated_workspace, request.param, "old.yaml", 3)
    model = validated_workspace.root / "model"
    model.mkdir()
    read_wording(validated_workspace.prompts).save(model)
    new = asked(validated_workspace, request.param, "rec_assets/prompts/template.yaml", 5)
    return validated_workspace, model, old, new


@pytest.mark.parametrize("kind", QUESTIONS)
def test_an_old_model_is_asked_in_its_own_words(reworded, kind) -> None:
    workspace, model, old, new = reworded
    assert not old[kind]["header"].equals(new[kind]["header"])
    pd.testing.assert_frame_equal(questions(workspace, model, kind), old[kind])
    one = old[kind]["customer_id"].iloc[3]
    alone = questions(workspace, model, kind, one)
    expected = old[kind][old[kind]["customer_id"] == one].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, expected)


def test_a_new_model_is_asked_what_is_written(reworded) -> None:
    workspace, model, _, new = reworded
    read_wording(workspace.prompts).save(model)
    pd.testing.assert_frame_equal(questions(workspace, model, "latest"), new["latest"])
    assert len(questions(workspace, model, "latest", "C005")) == 1


@pytest.mark.parametrize("own", [True, False])
def test_nobody_knows_a_stranger(reworded, own) -> None:
    workspace, model, _, _ = reworded
    if own:
        read_wording(workspace.prompts).save(model)
    assert questions(workspace, model, "latest", "nobody").empty


def test_an_attribute_that_is_no_longer_told_is_unknown(reworded) -> None:
    workspace, model, _, _ = reworded
    path = workspace.behaviour / "customers.parquet"
    write_table(read_table(path).drop(columns="country"), path)
    headers = questions(workspace, model, "latest")["header"]
    assert set(headers) == {"female from unknown", "male from unknown"}


def test_a_model_without_a_wording_is_named(reworded) -> None:
    workspace, model, _, _ = reworded
    (model / WORDING).unlink()
    with pytest.raises(TableError, match=WORDING):
        questions(workspace, model, "latest")


def test_a_wording_is_read_as_it_was_saved(reworded) -> None:
    workspace, model, _, _ = reworded
    saved = read_json(model / WORDING)
    assert saved["history"] == 3
    write_json(saved, workspace.root / WORDING)
    assert read_wording(workspace.root) == read_wording(model) != read_wording(workspace.prompts)


def test_the_nearest_ids_are_looked_for_among_a_few(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[int] = []
    closest = difflib.get_close_matches

    def counting(word: str, possibilities: list[str], n: int, cutoff: float) -> list[str]:
        compared.append(len(possibilities))
        return closest(word, possibilities, n, cutoff)

    monkeypatch.setattr(difflib, "get_close_matches", counting)
    known = [f"C{number:06d}" for number in reversed(range(100_000))]
    near = asking._nearest("C01234", known)
    assert [customer[:4] for customer in near] == ["C012"] * 3
    assert max(compared) <= 300
