"""The customers' heads on the tiny retailer, after the real stages."""

import numpy as np
import pytest

from rec_assets.errors import CheckFailedError, ParamsError
from rec_assets.files import read_json, read_table, write_json
from rec_assets.heads import customer_stage
from rec_assets.params import Params, change_params, read_params
from rec_assets.pipeline import run_stage

CATEGORY = {"table": "customers", "min_rows": 2, "tolerance": 1.0}
TIER = CATEGORY | {"label": "price_tier"}


def with_heads(here, **heads):
    return Params.model_validate(read_params(here.params_file).model_dump() | {"heads": heads})


def test_the_customers_heads_are_judged_by_the_next_purchase(prepared_workspace):
    here = prepared_workspace
    change_params(here.params_file, {"training.epochs": 1})
    run_stage(here, "recommender")
    write_json({"heads": {}, "skipped": {}}, here.reports / "heads" / "heads.json")
    report = customer_stage.run(here, with_heads(here, next_category=CATEGORY, next_price_tier=TIER))
    test = read_table(here.prompts / "test.parquet")
    for name in ("next_category", "next_price_tier"):
        metrics = read_json(here.reports / "customer_heads" / name / "metrics.json")
        assert metrics["rows"]["customers"] == len(test)
        assert 0 <= metrics["head"]["calibration_error"] <= 1
    assert [check.name for check in report.checks] == ["beats_majority", "matches_baseline"]
    assert all(check.passed for check in report.checks)
    assert len(report.plots) == 4

    category = read_table(here.behaviour / "articles.parquet").set_index("sku")["category"]
    events = read_table(here.behaviour / "events.parquet")
    before = events.loc[events["split"] != "test", "sku"].map(category)
    truth = [category[basket[0]] for basket in test["targets"]]
    metrics = read_json(here.reports / "customer_heads" / "next_category" / "metrics.json")
    expected = np.mean([one == before.value_counts().idxmax() for one in truth])
    assert metrics["majority"]["accuracy"] == pytest.approx(expected)

    few = customer_stage.run(here, with_heads(here, next_category=CATEGORY | {"min_rows": 900}))
    assert "fewer than min_rows 900" in few.summary
    with pytest.raises(ParamsError, match=r"heads\.odd\.label is 'style'"):
        customer_stage.run(here, with_heads(here, odd=CATEGORY | {"label": "style"}))


def test_a_weak_head_on_articles_stops_this_stage(validated_workspace):
    here = validated_workspace
    weak = {
        "head": {"accuracy": 0.1},
        "majority": {"accuracy": 0.5},
        "words": {"accuracy": 0.4},
        "baseline": "words",
        "falls_short": ["majority"],
    }
    write_json({"heads": {"colour": weak}, "skipped": {}}, here.reports / "heads" / "heads.json")
    text = here.params_file.read_text()
    begin, end = text.index("heads:\n"), text.index("recommendations:\n")
    here.params_file.write_text(f"{text[:begin]}heads: {{}}\n{text[end:]}")
    with pytest.raises(CheckFailedError, match=r"beats_majority: Less accurate .*colour \(-0\.400"):
        run_stage(here, "classifier_heads")
