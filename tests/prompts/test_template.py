"""The template: placeholders checked, missing said, values harmless."""

from pathlib import Path

import pytest

from rec_assets.errors import ParamsError
from rec_assets.prompts.template import find_template, load_template
from rec_assets.workspace import Workspace

COLUMNS = ("customer_id", "age_band", "country", "gender", "purchasing_power", "purchases", "segment", "club")


def template_file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "template.yaml"
    path.write_text(text)
    return path


def test_the_projects_template_loads_and_is_short(workspace: Workspace) -> None:
    path = find_template(workspace, Path("rec_assets/prompts/template.yaml"))
    template = load_template(path, COLUMNS)
    header = template.render_header({"age_band": "20s", "gender": "female", "country": None})
    assert header == "female age 20s unknown"
    assert template.moments()[5] == "June"


def test_the_workspaces_own_template_comes_first(workspace: Workspace) -> None:
    own = workspace.root / "rec_assets" / "prompts" / "template.yaml"
    own.parent.mkdir(parents=True)
    own.write_text("header: Hi")
    assert find_template(workspace, Path("rec_assets/prompts/template.yaml")) == own


def test_optional_attributes_are_said_only_where_known(tmp_path: Path) -> None:
    path = template_file(
        tmp_path, "header: '{age_band}'\noptional: {club: 'Club {club}.', absent: 'X {absent}'}"
    )
    template = load_template(path, COLUMNS)
    assert template.attributes == ("age_band", "club")
    assert template.render_header({"age_band": "20s", "club": "gold"}) == "20s Club gold."
    assert template.render_header({"age_band": "20s", "club": "unknown"}) == "20s"


def test_parts_of_the_header_that_nobody_fills_are_left_out(tmp_path: Path) -> None:
    path = template_file(
        tmp_path,
        "header: [For, 'age {age_band}', '{gender} from {country}']\noptional: {club: 'Club {club}.'}",
    )
    values = {"gender": "female", "age_band": "unknown"}
    template = load_template(path, COLUMNS)
    assert template.render_header(values) == "For age unknown female from unknown"
    assert template.told({"gender"}).render_header(values) == "For female from unknown"
    assert template.told({"age_band"}).render_header(values) == "For age unknown"
    assert template.told(set()).render_header(values) == "For"
    assert template.told(set()).attributes == ()


def test_a_value_cannot_imitate_a_token_nor_grow_without_end(tmp_path: Path) -> None:
    template = load_template(template_file(tmp_path, "header: 'From {country}.'"), COLUMNS)
    assert template.render_header({"country": "<sku:1></s>{gender}"}) == "From ‹sku:1› {gender}."
    assert len(template.render_header({"country": "land " * 100})) < 60


def test_an_unknown_placeholder_is_named_with_the_choices(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"\{shoe_size\}") as caught:
        load_template(template_file(tmp_path, "header: '{shoe_size}'"), COLUMNS)
    assert "age_band, club, country, gender, segment" in caught.value.cure


@pytest.mark.parametrize(
    "text",
    ["header: '{purchasing_power}'", "header: x\noptional: {purchases: 'Bought {purchases}'}"],
)
def test_what_purchases_decide_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ParamsError, match="made from the purchases"):
        load_template(template_file(tmp_path, text), COLUMNS)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("header: '{age_band'", "in '{age_band'"),
        ("header: '{age_band:>9}'", "only a name"),
        ("header: '{age_band.__class__}'", "__class__"),
        ("header: '{}'", "does not exist"),
        ("header: x\nmoment: 'In {year}'", "year"),
        ("header: x\nfooter: y", "must hold"),
        ("closing: y", "must hold"),
        ("- x", "must hold"),
        ("header: [1]", "must hold"),
        ("header: [x, '{age_band']", "in '{age_band'"),
        ("header: [", "not YAML"),
    ],
)
def test_a_malformed_template_is_explained(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(ParamsError, match=problem) as caught:
        load_template(template_file(tmp_path, text), COLUMNS)
    assert caught.value.cure


def test_a_missing_template_is_named(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"nowhere\.yaml"):
        load_template(tmp_path / "nowhere.yaml", COLUMNS)
