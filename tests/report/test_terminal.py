from rec_assets.report.terminal import (
    example_recommendations,
    final_printout,
    metrics_table,
    relations_table,
)
from rec_assets.workspace import Workspace


def test_the_recommender_stands_beside_the_baselines(reported_workspace: Workspace) -> None:
    text = metrics_table(reported_workspace)
    lines = text.splitlines()
    assert [line.split()[0] for line in lines if line.startswith("→")] == ["→"]
    assert {"couturier", "popular", "repeat"} <= set(text.split())
    assert "against" in lines[-1]
    width = {len(line) for line in lines[2:5]}
    assert len(width) == 1


def test_relations_are_listed_with_their_verdicts(reported_workspace: Workspace) -> None:
    text = relations_table(reported_workspace)
    assert "articles bought before" in text
    assert any(word in text for word in ("followed", "partly", "too few to tell"))


def test_ten_customers_with_history_and_titles(reported_workspace: Workspace) -> None:
    text = example_recommendations(reported_workspace, count=10)
    blocks = text.split("\n\n")
    assert len(blocks) == 10
    assert all("bought" in block and len(block.splitlines()) == 7 for block in blocks)
    assert "nothing yet" in blocks[-1]
    assert text == example_recommendations(reported_workspace, count=10)
    assert text != example_recommendations(reported_workspace, count=10, seed=8)


def test_nothing_made_yet_is_said(workspace: Workspace) -> None:
    text = final_printout(workspace)
    assert "couturier stage evaluation" in text
    assert "couturier stage recommendations" in text
