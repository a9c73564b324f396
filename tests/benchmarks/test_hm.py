"""The H&M benchmark on a tiny shop: the product's stages at two dates, judged, pooled, taken up again."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from harness import hm_results
from harness.hm import BASELINES, hm_source, run_hm, workspaces
from harness.judged import judge_workspace
from harness.pooled import GAIN
from harness.stages import RESUMES, needed, records, run_until

from rec_assets.evaluation.holdout import read_holdout
from rec_assets.evaluation.lists import ranking_files, read_lists
from rec_assets.evaluation.scores import score_customers
from rec_assets.params import read_params

CUTOFFS = ("2024-09-02", "2024-11-01")


@pytest.fixture
def shop(hm_shared, quick, tmp_path, monkeypatch) -> tuple[Path, dict]:
    monkeypatch.setenv("COUTURIER_SHARED", str(hm_shared))
    return tmp_path, {**quick, "source.path": str(hm_source(tmp_path))}


def test_every_model_is_judged_at_every_date_and_pooled(shop):
    work, changes = shop
    runs = []
    for model in (BASELINES, "couturier"):
        pairs, figures = run_hm(model, f"{model}-1", 1, CUTOFFS, changes, work)
        pairs.to_parquet(work / f"{model}-1.parquet", index=False)
        figures |= {
            "model": model,
            "name": f"{model}-1",
            "seed": 1,
            "settings": {"cutoffs": 2},
        }
        (work / f"{model}-1.json").write_text(json.dumps(figures))
        runs.append({**figures, "command": "c"})
    pairs = pd.read_parquet(work / "couturier-1.parquet")
    assert sorted(pairs["as_of"].unique()) == list(CUTOFFS)
    assert not pairs["ndcg@10/unmasked"].isna().any()
    # Half a dozen articles enter in the first test window: few are left for the second.
    fresh = pairs.groupby("as_of")["recall@10/never_bought"].count()
    assert fresh[CUTOFFS[0]] > fresh[CUTOFFS[1]]
    now = {"cutoffs": 2}
    found = hm_results.finished(work, now, runs[1:], "again", lambda model, seed: now)
    rows = {row["model"]: row for row in hm_results.rows(hm_results.read_pairs(work, found), found)}
    assert set(rows) == {"couturier", "popular", "repeat", "title_knn"}
    assert rows["couturier"][GAIN]["ndcg@10/unmasked"]["baseline"] in ("popular", "repeat", "title_knn")
    assert rows["couturier"]["parameters"] > 1000
    assert (rows["couturier"]["command"], rows["repeat"]["command"]) == ("c", "again")
    assert rows["repeat"]["seconds"] < runs[0]["seconds"]
    assert "| couturier |" in hm_results.table(list(rows.values()), ("ndcg@10/unmasked",))
    assert hm_results.finished(work, {"cutoffs": 3}, [], "again", lambda model, seed: now) == []
    changed = {"baselines": now | {"params": 1}, "couturier": now}
    kept = hm_results.finished(work, now, [], "again", lambda model, seed: changed[model])
    assert [figures["model"] for figures in kept] == ["couturier"]


def test_a_finished_stage_is_not_run_again_unless_its_parameters_changed(shop):
    work, changes = shop
    ((_, here),) = workspaces("x", CUTOFFS[:1], changes, work)
    first = run_until(here, "baselines")
    assert run_until(here, "baselines") == first
    other = {**changes, "baselines.models": ["repeat"]}
    ((_, here),) = workspaces("x", CUTOFFS[:1], other, work)
    again = run_until(here, "baselines")
    assert again["baselines"] != first["baselines"]
    assert {name: record for name, record in again.items() if name != "baselines"} == {
        name: record for name, record in first.items() if name != "baselines"
    }
    assert [path.stem for path in here.baseline_rankings.glob("*.parquet")] == ["repeat"]
    # An earlier stage takes those that read from it with it.
    ((_, here),) = workspaces("x", CUTOFFS[:1], {**other, "behaviour.min_prices": 2}, work)
    run_until(here, "behaviour")
    assert "baselines" not in records(here)


def test_dates_share_the_tables_without_room(shop):
    work, changes = shop
    one, other = (here for _, here in workspaces("x", CUTOFFS, changes, work))
    name = "transactions.parquet"
    assert (one.raw / name).stat().st_ino == (other.raw / name).stat().st_ino
    assert set(records(one)) == {"raw_data", "validated_data"}
    assert (one.reports / "validation.json").exists()


def test_time_lost_to_a_kill_counts_where_the_stage_goes_on(shop):
    work, changes = shop
    ((_, here),) = workspaces("x", CUTOFFS[:1], changes, work)
    for name in ("vocabulary", "prompts"):
        run_until(here, name)
    params = read_params(here.params_file)
    entry = next(stage for stage in needed(RESUMES) if stage.name == RESUMES)
    sections = {name: getattr(params, name).model_dump(mode="json") for name in entry.sections}
    left = {"stage": RESUMES, "sections": sections, "seconds": 1000.0, "peak_mb": 10**6}
    (here.root / "running.json").write_text(json.dumps(left))
    record = run_until(here, RESUMES)[RESUMES]
    assert record["seconds"] > 1000
    assert record["peak_mb"] == 10**6
    assert not (here.root / "running.json").exists()


def test_a_part_of_the_catalogue_has_its_own_purchases_only(hm_shared, tmp_path, monkeypatch):
    monkeypatch.setenv("COUTURIER_SHARED", str(hm_shared))
    folder = hm_source(tmp_path, 5, "Menswear")
    purchases = pd.read_parquet(folder / "transactions.parquet")
    assert set(pd.read_parquet(folder / "articles.parquet")["article_id"]) == set(range(112, 124))
    assert set(purchases["article_id"]) <= set(range(112, 124))
    assert purchases["customer_id"].max() <= "c04"


def test_judged_as_the_product_judges(holdout_workspace):
    files = ranking_files(holdout_workspace)
    judged = judge_workspace(holdout_workspace, files)
    holdout = read_holdout(holdout_workspace, None, 0)
    for model, path in files.items():
        own = judged[judged["model"] == model]
        for lists, view in zip(read_lists(path, model, holdout), ("unmasked", "masked"), strict=True):
            theirs = score_customers(lists, holdout, (10,))
            for metric in ("ndcg@10", "recall@10"):
                assert own[f"{metric}/{view}"].mean() == pytest.approx(theirs[metric].mean())
    repeat = judged[judged["model"] == "repeat"]
    assert (repeat["recall@10/never_bought"].dropna() == 0).all()
    assert np.nanmean(repeat["recall@10/unmasked"]) > 0
