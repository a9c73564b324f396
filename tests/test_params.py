"""Values that no type alone can refuse, and where a section is found."""

from pathlib import Path

import pytest

from rec_assets.errors import ParamsError
from rec_assets.params import Params, change_params, read_params


@pytest.mark.parametrize("key", Params.model_fields)
def test_each_section_has_a_file_of_its_name(key: str) -> None:
    value = getattr(Params(), key)
    section = next(iter(value.values())) if isinstance(value, dict) else value
    assert type(section).__module__ == f"rec_assets.params.{key}"


@pytest.mark.parametrize("tiers", ["[0.9, 1.5]", "[-0.1, 0.5]", "[0.9, 0.1]"])
def test_price_tiers_are_ascending_shares(tmp_path: Path, tiers: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(f"behaviour: {{price_tiers: {tiers}}}")
    with pytest.raises(ParamsError, match=r"behaviour\.price_tiers"):
        read_params(path)


@pytest.mark.parametrize(
    "cron", ["every monday", "0 4 * *", "0 25 * * *", "60 4 * * *", "*/0 * * * *", "0 4 0 * *"]
)
def test_a_schedule_that_dagster_cannot_read_is_refused(tmp_path: Path, cron: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(f'schedule: {{cron: "{cron}"}}')
    with pytest.raises(ParamsError, match=r"schedule\.cron.*five fields"):
        read_params(path)


@pytest.mark.parametrize("cron", ["0 4 * * 1", "*/15 6-22 1,15 * MON-FRI", "00 04 31 jan-mar/2 7"])
def test_usual_schedules_are_read(tmp_path: Path, cron: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(f'schedule: {{cron: "{cron}"}}')
    assert read_params(path).schedule.cron == cron


def test_branches_share_their_width_among_heads(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("training: {sku_branches: {width: 100, heads: 3}}")
    with pytest.raises(ParamsError, match="width 100 is no multiple of heads 3"):
        read_params(path)


def test_a_file_in_another_encoding_is_said(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes("# Knöpfe".encode("latin-1"))
    with pytest.raises(ParamsError, match="not UTF-8"):
        read_params(path)


def test_a_refused_change_names_the_file_and_leaves_it(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("run: {seed: 7}")
    with pytest.raises(ParamsError) as caught:
        change_params(path, {"run.seed": "many"})
    assert caught.value.problem.startswith(f"{path}: run.seed")
    assert path.read_text() == "run: {seed: 7}"


def test_an_unknown_timezone_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("schedule: {timezone: Amsterdam}")
    with pytest.raises(ParamsError, match=r"schedule\.timezone.*Europe/Amsterdam"):
        read_params(path)


@pytest.mark.parametrize(
    "text",
    [
        "evaluation: {cutoffs: [0, 10]}",
        "evaluation: {cutoffs: []}",
        "evaluation: {max_customers: 0}",
        "training: {candidates: -1}",
        "training: {item_vectors: {id_limit: 0}}",
    ],
)
def test_numbers_that_mean_nothing_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(ParamsError, match=r"greater than|at least"):
        read_params(path)


def test_an_empty_file_can_be_changed(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("# nothing set yet\n")
    assert change_params(path, {"run.seed": 3}).run.seed == 3
    assert read_params(path).run.seed == 3


def test_a_key_given_twice_is_said(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("run: {seed: 1}\nrun: {seed: 2}\n")
    with pytest.raises(ParamsError, match="is not YAML"):
        change_params(path, {"run.threads": 1})
