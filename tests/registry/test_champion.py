import pytest

from rec_assets import files
from rec_assets.errors import CouturierError, RegistryError
from rec_assets.registry import champion as champion_module
from rec_assets.registry import history, promote, read_champion, rollback
from rec_assets.registry.versions import store, version_folder


@pytest.fixture
def registry(trained):
    workspace = trained("one")
    for version in ("aaa", "bbb", "ccc"):
        store(workspace, version, {"windows": {"validation_start": version}})
    return workspace


def test_promotions_pile_up_and_rollbacks_take_them_off(registry):
    assert read_champion(registry) is None
    for version in ("aaa", "bbb", "ccc"):
        promote(registry, version)
    assert read_champion(registry).previous == ("bbb", "aaa")
    assert rollback(registry).version == "bbb"
    assert rollback(registry).version == "aaa"
    assert read_champion(registry).windows == {"validation_start": "aaa"}
    with pytest.raises(RegistryError, match="replaced no other"):
        rollback(registry)
    assert [entry["version"] for entry in history(registry)] == ["aaa", "bbb", "ccc", "bbb", "aaa"]
    assert [entry["by"] for entry in history(registry)][-1] == "rollback"


def test_promoting_the_champion_again_changes_nothing(registry):
    promote(registry, "aaa")
    before = (registry.registry / "history.jsonl").read_bytes()
    promote(registry, "a")
    assert (registry.registry / "history.jsonl").read_bytes() == before


def test_there_is_nothing_to_roll_back_before_the_first_promotion(registry):
    with pytest.raises(RegistryError, match="no champion"):
        rollback(registry)


def test_a_damaged_version_is_never_promoted(registry):
    promote(registry, "aaa")
    (version_folder(registry, "bbb") / "base" / "weights.safetensors").unlink()
    with pytest.raises(RegistryError, match="damaged"):
        promote(registry, "bbb")
    assert read_champion(registry).version == "aaa"


def test_a_crash_in_the_middle_of_the_switch_keeps_the_old_champion(registry, monkeypatch):
    promote(registry, "aaa")

    def crash(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(files.Path, "replace", crash)
        with pytest.raises(CouturierError, match="No space left"):
            promote(registry, "bbb")
    assert read_champion(registry).version == "aaa"
    assert sorted(path.name for path in registry.registry.iterdir()) == [
        ".history.lock",
        "champion.json",
        "history.jsonl",
        "versions",
    ]
    assert promote(registry, "bbb").previous == ("aaa",)


def test_a_crash_after_the_switch_keeps_the_new_champion(registry, monkeypatch):
    promote(registry, "aaa")

    def crash(*_args):
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(champion_module, "record_event", crash)
        with pytest.raises(KeyboardInterrupt):
            promote(registry, "bbb")
    assert read_champion(registry).version == "bbb"
    assert rollback(registry).version == "aaa"
    switches = [(entry["version"], entry["by"]) for entry in history(registry)]
    assert switches == [("aaa", "command"), ("bbb", "a run that was stopped"), ("aaa", "rollback")]


def test_a_damaged_line_of_the_history_is_named(registry):
    promote(registry, "aaa")
    with (registry.registry / "history.jsonl").open("a") as record:
        record.write("{")
    with pytest.raises(RegistryError, match="damaged"):
        history(registry)


def test_a_damaged_pointer_names_its_cure(registry):
    promote(registry, "aaa")
    (registry.registry / "champion.json").write_text("{")
    with pytest.raises(RegistryError, match="damaged") as caught:
        read_champion(registry)
    assert "couturier promote" in caught.value.cure
