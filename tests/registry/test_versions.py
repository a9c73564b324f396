import os

import pytest

from rec_assets.errors import RegistryError
from rec_assets.registry.versions import (
    find_version,
    list_versions,
    store,
    verified,
    version_folder,
    version_id,
)


def test_the_same_content_has_the_same_version(trained):
    first = version_id(trained("one"))
    assert version_id(trained("one")) == first
    assert version_id(trained("two")) != first
    assert len(first) == 12


def test_a_stored_version_outlives_the_model_it_came_from(trained):
    workspace = trained("one")
    version = version_id(workspace)
    store(workspace, version, {"parent": None})
    trained("two")
    manifest = verified(workspace, version)
    assert sorted(manifest["files"]) == [
        "base/weights.safetensors",
        "recommender/weights.safetensors",
        "vocabulary/tokenizer/weights.safetensors",
    ]
    assert (
        version_folder(workspace, version) / "recommender" / "weights.safetensors"
    ).read_text() == "recommender one"
    assert list_versions(workspace) == [version]


def test_files_are_linked_and_copied_where_links_fail(trained, monkeypatch):
    workspace = trained("one")
    weights = workspace.recommender / "weights.safetensors"
    store(workspace, "aaa", {})
    assert (version_folder(workspace, "aaa") / "recommender" / "weights.safetensors").samefile(weights)

    def refuse(*_):
        raise OSError("other file system")

    monkeypatch.setattr(os, "link", refuse)
    store(workspace, "bbb", {})
    assert not (version_folder(workspace, "bbb") / "recommender" / "weights.safetensors").samefile(weights)
    verified(workspace, "bbb")


@pytest.mark.parametrize("harm", ["change", "remove", "manifest"])
def test_a_damaged_version_is_refused_with_a_cure_and_stored_afresh(trained, harm):
    workspace = trained("one")
    store(workspace, "aaa", {})
    folder = version_folder(workspace, "aaa")
    damaged = folder / ("manifest.json" if harm == "manifest" else "recommender/weights.safetensors")
    damaged.unlink()
    if harm != "remove":
        damaged.write_text("{}")
    with pytest.raises(RegistryError, match="damaged") as caught:
        verified(workspace, "aaa")
    assert damaged.name in caught.value.problem
    assert "couturier" in caught.value.cure
    trained("one")
    store(workspace, "aaa", {})
    assert verified(workspace, "aaa")["version"] == "aaa"


def test_versions_are_found_by_their_first_digits(trained):
    workspace = trained("one")
    for version in ("abc1", "abd2"):
        store(workspace, version, {})
    assert find_version(workspace, "abc") == "abc1"
    for unclear in ("ab", "x", ""):
        with pytest.raises(RegistryError, match="version") as caught:
            find_version(workspace, unclear)
        assert "abd2" in caught.value.cure


def test_a_model_without_files_has_no_version(workspace):
    with pytest.raises(RegistryError, match="does not exist"):
        version_id(workspace)
