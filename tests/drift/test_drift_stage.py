import pandas as pd

from rec_assets.drift.stage import run
from rec_assets.files import content_hash, read_json, write_json
from rec_assets.params import Params


def test_the_stage_writes_every_file_and_the_same_bytes_twice(shop):
    workspace = shop(lambda day, i: ("dress", "coat", "hat")[(i + day) % 3] if day >= 460 else "coat")
    report = run(workspace, Params())
    folder = workspace.reports / "trends"
    assert {file.name for file in folder.iterdir()} == {"trends.json", "mix.csv", "weekly.csv", "trends.png"}
    first = content_hash(folder)
    run(workspace, Params())
    assert content_hash(folder) == first
    assert "category" in report.summary
    assert report.rows["recent purchases"] == 280


def test_shares_sum_to_one_and_unknown_categories_are_told(shop):
    workspace = shop(lambda day, i: "hat" if i == 0 else "coat")
    run(workspace, Params())
    mixes = pd.read_csv(workspace.reports / "trends" / "mix.csv")
    sums = mixes.groupby("dimension")[["reference_share", "recent_share"]].sum()
    assert ((sums - 1).abs() < 1e-5).all().all()
    unknown = mixes[(mixes["dimension"] == "category") & (mixes["value"] == "unknown")]
    assert unknown["recent_share"].item() == 0.1


def test_weeks_show_when_the_shift_came(shop):
    workspace = shop(lambda day, i: "dress" if day >= 455 else "coat")  # day 455 is a Monday
    run(workspace, Params())
    weekly = pd.read_csv(workspace.reports / "trends" / "weekly.csv").set_index("week")
    assert weekly["purchases"].sum() == 5000
    assert weekly.loc["2025-03-24", "category"] == 0.0
    assert weekly.loc["2025-03-31", "category"] == 1.0
    result = read_json(workspace.reports / "trends" / "trends.json")
    assert result["reference"] == ["2024-01-01", "2025-03-25"]
    assert result["recent"] == ["2025-04-17", "2025-05-14"]


def test_the_tiny_retailer_and_a_split_without_dates(validated_workspace):
    folder = validated_workspace.reports / "trends"
    write_json({"validation_start": None}, validated_workspace.splits / "windows.json")
    assert "no dates" in run(validated_workspace, Params()).summary
    assert read_json(folder / "trends.json")["measures"] == []
    write_json({"validation_start": "2024-11-04"}, validated_workspace.splits / "windows.json")
    run(validated_workspace, Params())
    assert len(read_json(folder / "trends.json")["measures"]) == 4
