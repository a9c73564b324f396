import numpy as np
import pandas as pd
import pytest

from rec_assets.errors import RegistryError, TableError
from rec_assets.files import read_json, write_json
from rec_assets.params import Params, Promotion
from rec_assets.registry import champion as champion_module
from rec_assets.registry import history, promote, read_champion, rollback
from rec_assets.registry import stage as stage_module
from rec_assets.registry.stage import run
from rec_assets.registry.versions import version_folder, version_id


def champion_at(mean):
    def score(_workspace, _params, version):
        assert (version / "recommender").is_dir()
        return pd.Series(np.full(200, mean), index=[f"C{i}" for i in range(200)])

    return score


def decision(workspace):
    return read_json(workspace.reports / "promotion.json")


def test_first_promoted_kept_and_rolled_back(trained):
    workspace = trained("one")
    run(workspace, Params())
    first = version_id(workspace)
    assert decision(workspace)["decision"] == "first"
    assert read_champion(workspace).version == first

    trained("two", couturier=0.6, popular=0.2)
    report = run(workspace, Params(), champion_at(0.5))
    second = version_id(workspace)
    assert decision(workspace) | {"reasons": [], "comparisons": []} == {
        "decision": "promoted", "version": second, "champion": second, "reasons": [], "comparisons": [],
    }  # fmt: skip
    assert [one["against"] for one in decision(workspace)["comparisons"]] == ["popular", first]
    assert "promoted" in report.summary

    trained("three", couturier=0.4, popular=0.2)
    run(workspace, Params(), champion_at(0.6))
    assert decision(workspace)["decision"] == "kept"
    assert decision(workspace)["champion"] == second
    assert read_champion(workspace).version == second
    assert rollback(workspace).version == first


def test_the_same_evidence_gives_the_same_bytes_and_respects_a_rollback(trained):
    workspace = trained("one")
    run(workspace, Params())
    trained("two", couturier=0.6, popular=0.2)
    run(workspace, Params(), champion_at(0.5))
    before = (workspace.reports / "promotion.json").read_bytes()
    champion = rollback(workspace)
    run(workspace, Params(), champion_at(0.5))
    assert (workspace.reports / "promotion.json").read_bytes() == before
    assert read_champion(workspace) == champion
    assert sum(entry["event"] == "decided" for entry in history(workspace)) == 2


def test_other_parameters_are_other_evidence(trained):
    workspace = trained("one", couturier=0.2, popular=0.5)
    run(workspace, Params())
    assert decision(workspace)["decision"] == "kept"
    assert read_champion(workspace) is None
    run(workspace, Params(promotion=Promotion(masked=True)))
    assert sum(entry["event"] == "decided" for entry in history(workspace)) == 2


def test_a_run_killed_before_the_switch_completes_it(trained, monkeypatch):
    workspace = trained("one")

    def killed(*_args, **_kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(stage_module, "promote", killed)
        with pytest.raises(KeyboardInterrupt):
            run(workspace, Params())
    assert read_champion(workspace) is None
    run(workspace, Params())
    assert read_champion(workspace).version == version_id(workspace)
    assert [entry["event"] for entry in history(workspace)] == ["decided", "switched"]


def test_a_damaged_champion_is_not_compared_and_said_so(trained):
    workspace = trained("one")
    run(workspace, Params())
    lost = version_folder(workspace, read_champion(workspace).version) / "base" / "weights.safetensors"
    lost.unlink()
    trained("two", couturier=0.6, popular=0.2)
    run(workspace, Params())
    assert "was not compared" in decision(workspace)["reasons"][0]
    assert read_champion(workspace).version == version_id(workspace)


def test_a_champion_that_cannot_be_asked_is_not_compared_and_said_so(trained):
    def without_wording(*_):
        raise TableError("wording.json does not exist.", "Run the pipeline first: couturier run.")

    workspace = trained("one")
    run(workspace, Params())
    trained("two", couturier=0.6, popular=0.2)
    run(workspace, Params(), without_wording)
    assert decision(workspace)["reasons"][0] == "The champion was not compared: wording.json does not exist."
    assert read_champion(workspace).version == version_id(workspace)


def test_a_damaged_champion_does_not_make_it_easier(trained):
    workspace = trained("one")
    run(workspace, Params())
    (version_folder(workspace, read_champion(workspace).version) / "base" / "weights.safetensors").unlink()
    trained("two", couturier=0.5001, popular=0.5)
    run(workspace, Params())
    assert decision(workspace)["decision"] == "kept"
    assert "does not clearly beat" in decision(workspace)["reasons"][1]


def test_a_champion_that_learnt_what_is_judged_is_not_compared(trained):
    workspace = trained("one")
    windows = {"validation_start": "2025-01-01", "as_of": "2025-02-01"}
    write_json(windows, workspace.splits / "windows.json")
    run(workspace, Params())
    trained("two", couturier=0.6, popular=0.2)
    write_json(windows | {"as_of": "2025-01-15"}, workspace.splits / "windows.json")
    run(workspace, Params(), champion_at(0.9))
    told = decision(workspace)
    assert told["decision"] == "promoted"
    assert "learnt from purchases that are judged now" in told["reasons"][0]
    assert [one["against"] for one in told["comparisons"]] == ["popular"]


def test_another_retailers_champion_is_not_compared(trained):
    workspace = trained("one")
    run(workspace, Params())
    trained("two", couturier=0.3, popular=0.2)
    other = Params.model_validate({"source": {"kind": "hm"}})
    run(workspace, other, champion_at(0.9))
    assert decision(workspace)["decision"] == "first"
    assert "another source" in decision(workspace)["reasons"][0]
    assert read_champion(workspace).source == {"kind": "hm", "path": "data/incoming"}


def test_a_switch_that_a_crash_left_unrecorded_is_not_repeated_after_a_rollback(trained, monkeypatch):
    workspace = trained("one")
    run(workspace, Params())
    trained("two", couturier=0.6, popular=0.2)

    def killed(*_args, **_kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(champion_module, "_record_switch", killed)
        with pytest.raises(KeyboardInterrupt):
            run(workspace, Params(), champion_at(0.5))
    first = rollback(workspace)
    run(workspace, Params(), champion_at(0.5))
    assert read_champion(workspace) == first


def test_the_champion_is_not_judged_against_itself(trained):
    workspace = trained("one")
    run(workspace, Params())
    trained("one", couturier=0.1, popular=0.2)
    run(workspace, Params())
    assert decision(workspace)["reasons"] == ["This model is the champion already."]
    assert read_champion(workspace).version == version_id(workspace)


def test_a_promotion_by_hand_is_what_the_next_challenger_meets(trained):
    workspace = trained("one", couturier=0.1, popular=0.2)
    run(workspace, Params())
    promote(workspace, version_id(workspace))
    trained("two", couturier=0.6, popular=0.2)
    run(workspace, Params(), champion_at(0.1))
    assert decision(workspace)["decision"] == "promoted"


def test_an_unknown_metric_names_those_there_are(trained):
    workspace = trained("one")
    with pytest.raises(RegistryError, match="mrr@10") as caught:
        run(workspace, Params(promotion=Promotion(metric="mrr@10")))
    assert "ndcg@10" in caught.value.cure
