import re
import shutil
from html.parser import HTMLParser

import pytest

from rec_assets.files import read_table, write_table
from rec_assets.params import Params
from rec_assets.report.stage import run
from rec_assets.workspace import Workspace

MARKUP = '<script>alert("sku")</script> & <b>bold</b>'
VOID = {"meta", "link", "img", "line", "circle", "polyline"}


class Reader(HTMLParser):
    """Checks that tags nest, and gathers what the page would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.fetched: list[str] = []
        self.text: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.fetched += [v or "" for k, v in attrs if k in ("src", "srcset", "data", "action")]
        self.fetched += [v or "" for k, v in attrs if k == "href" and tag != "a"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.text.append(data)


def page(workspace: Workspace) -> tuple[str, Reader]:
    run(workspace, Params())
    html = (workspace.reports / "report.html").read_text()
    reader = Reader()
    reader.feed(html)
    assert reader.open == []
    return html, reader


def test_the_page_stands_alone(reported_workspace: Workspace) -> None:
    html, reader = page(reported_workspace)
    assert all(link.startswith("data:") for link in reader.fetched)
    assert "url(" not in html
    assert "@import" not in html
    assert "script" not in reader.tags


def test_it_tells_the_decision_and_the_lead(reported_workspace: Workspace) -> None:
    _, reader = page(reported_workspace)
    text = " ".join(reader.text)
    metrics = read_table(reported_workspace.reports / "evaluation" / "per_customer.parquet")
    own = metrics[(metrics["model"] == "couturier") & ~metrics["masked"]]["ndcg@10"].mean()
    assert f"{own:.4f}" in text
    assert "The retrained model is the new champion" in text
    assert "Beats popular." in text
    assert "price not negative (3)" in text
    assert "known sku" not in text  # a rule that nothing broke


def test_titles_with_markup_stay_text(reported_workspace: Workspace) -> None:
    html, reader = page(reported_workspace)
    assert MARKUP not in html
    assert any(MARKUP in piece for piece in reader.text)


def test_equal_results_give_equal_bytes_without_paths(reported_workspace: Workspace) -> None:
    first, _ = page(reported_workspace)
    second, _ = page(reported_workspace)
    assert first == second
    elsewhere = reported_workspace.root.with_name("moved")
    shutil.copytree(reported_workspace.root, elsewhere)
    moved, _ = page(Workspace(elsewhere))
    assert moved == first
    assert str(reported_workspace.root) not in first


def test_a_head_stands_beside_its_rivals_with_what_it_read(reported_workspace: Workspace) -> None:
    html, reader = page(reported_workspace)
    text = " ".join(reader.text)
    assert text.count("91.3 %") == 2  # of articles, and of customers
    assert "the customer's most frequent label" in text
    assert "4.7 %" in text
    assert "(it is Coats)" in text
    assert 'style="background:rgba(198,40,40,0.60)"' in html
    assert html.count('alt="Calibration of') == 2
    assert MARKUP not in html


PARTS = {
    "evaluation": "No evaluation yet",
    "training_curve.csv": "No training curve",
    "heads": "No classifier heads",
    "trends": "No trend measures",
    "validation.json": "No validation report",
    "promotion.json": "No promotion decision",
}


@pytest.mark.parametrize(("part", "words"), PARTS.items())
def test_a_missing_part_is_said(reported_workspace: Workspace, part: str, words: str) -> None:
    path = reported_workspace.reports / part
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    if part == "heads":
        shutil.rmtree(reported_workspace.reports / "customer_heads")
    _, reader = page(reported_workspace)
    assert words in " ".join(reader.text)


def test_an_empty_workspace_still_gives_a_page(workspace: Workspace) -> None:
    _, reader = page(workspace)
    text = " ".join(reader.text)
    assert all(words in text for name, words in PARTS.items() if name != "promotion.json")
    assert "No recommendations were written" in text


def test_a_newcomer_is_shown(reported_workspace: Workspace) -> None:
    _, reader = page(reported_workspace)
    text = " ".join(reader.text)
    assert "NEWCOMER" in text
    assert "no purchase yet" in text


def test_missing_prices_and_titles_do_not_matter(reported_workspace: Workspace) -> None:
    path = reported_workspace.behaviour / "articles.parquet"
    write_table(read_table(path).assign(price=float("nan"), colour="unknown", category="unknown"), path)
    titles = reported_workspace.validated / "articles.parquet"
    write_table(read_table(titles).head(3), titles)
    html, _ = page(reported_workspace)
    assert "SKU0004" in html
    assert re.search(r">\s*(nan|None)\s*<", html) is None
