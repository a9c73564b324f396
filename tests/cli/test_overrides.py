from pathlib import Path

import pytest

from rec_assets.cli.overrides import apply
from rec_assets.errors import ParamsError
from rec_assets.params import change_params, read_params


def test_options_are_written_into_the_file_and_said(workspace, tmp_path, capsys):
    before = read_params(workspace.params_file).training.epochs
    (tmp_path / "hm").mkdir()
    apply(workspace, source="hm", path=tmp_path / "hm", settings=["training.epochs=3", "training.gate=null"])
    params = read_params(workspace.params_file)
    assert params.source.kind == "hm"
    assert params.source.path == tmp_path / "hm"
    assert (params.training.epochs, params.training.gate) == (3, None)
    assert "# Every knob" in workspace.params_file.read_text()
    said = capsys.readouterr().out
    assert "source.kind = hm (was synthetic)" in said
    assert f"training.epochs = 3 (was {before})" in said


def test_what_is_already_so_is_neither_written_nor_said(workspace, capsys):
    before = workspace.params_file.read_bytes()
    apply(workspace, source="synthetic", settings=["run.seed=7"])
    assert workspace.params_file.read_bytes() == before
    assert capsys.readouterr().out == ""


def test_another_retailer_forgets_the_last_ones_snapshot_and_registry(workspace):
    change_params(workspace.params_file, {"source.snapshot": "2025-01-01", "lineage.parent": "abc"})
    apply(workspace, settings=["run.seed=8"])
    assert read_params(workspace.params_file).lineage.parent == "abc"
    apply(workspace, source="hm")
    params = read_params(workspace.params_file)
    assert (params.source.snapshot, params.lineage.parent) == (None, None)


def test_a_path_in_the_workspace_is_kept_relative(workspace):
    (workspace.root / "data" / "other").mkdir()
    apply(workspace, path=workspace.root / "data" / "other")
    assert "path: data/other" in workspace.params_file.read_text()


def test_a_date_is_quoted_for_dvc(workspace):
    apply(workspace, settings=["splits.as_of=2020-06-24"])
    assert "as_of: '2020-06-24'" in workspace.params_file.read_text()
    assert read_params(workspace.params_file).splits.as_of.year == 2020


def test_a_profile_is_merged_and_settings_win_over_it(workspace):
    (workspace.root / "profiles").mkdir()
    (workspace.root / "profiles" / "gpu.yaml").write_text(
        "base_model: {source: 'hf:meta/x', layers: null}\ntraining: {epochs: 2, lora: {rank: 64}}\n"
    )
    apply(workspace, profile=Path("profiles/gpu.yaml"), settings=["training.epochs=1"])
    params = read_params(workspace.params_file)
    assert (params.base_model.source, params.base_model.layers) == ("hf:meta/x", None)
    assert (params.training.epochs, params.training.lora.rank, params.training.lora.alpha) == (1, 64, 64)
    (workspace.root / "profiles" / "old.yaml").write_bytes("# Knöpfe".encode("latin-1"))
    with pytest.raises(ParamsError, match="not YAML"):
        apply(workspace, profile=Path("profiles/old.yaml"))
    with pytest.raises(ParamsError, match="does not exist") as caught:
        apply(workspace, profile=Path("profiles/cpu.yaml"))
    assert "gpu.yaml" in caught.value.cure


@pytest.mark.parametrize(
    "setting",
    [
        "training.epochs",
        "=3",
        "training.epochs=many",
        "training.epoch=3",
        "training.gat=null",
        "source.kind=zara",
        "run.seed=[",
    ],
)
def test_a_bad_setting_changes_nothing(workspace, setting):
    before = workspace.params_file.read_bytes()
    with pytest.raises(ParamsError) as caught:
        apply(workspace, settings=[setting])
    assert caught.value.cure
    assert workspace.params_file.read_bytes() == before
