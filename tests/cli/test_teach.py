import pytest

from rec_assets.cli import teach  # noqa: F401 -- registers the command
from rec_assets.heads.classifier import DecoderTrimmedClassifier
from rec_assets.heads.judged_head import MAJORITY, WORD_MODEL

COLOURS = ("black", "red", "white", "green")


@pytest.fixture
def shop(workspace, tiny_base):
    workspace.base_model.parent.mkdir(parents=True, exist_ok=True)
    workspace.base_model.symlink_to(tiny_base)
    return workspace


@pytest.fixture
def table(tmp_path):
    kinds = [(f"{colour} {kind}", kind) for colour in COLOURS for kind in ("coats", "trousers")]
    rows = [f"{text} {number},{kind}" for number in range(5) for text, kind in kinds]
    path = tmp_path / "shop.csv"
    path.write_text("\n".join(["title,kind", *rows, ",coats", "black,", "odd,hats"]) + "\n")
    return path


@pytest.mark.parametrize("mode", ["linear", "few_shot", None])
def test_a_classifier_is_learnt_judged_and_saved(couturier, shop, table, tmp_path, mode):
    out = tmp_path / "kind"
    told = ("--text", "title", "--label", "kind", "--out", str(out), *(("--mode", mode) if mode else ()))
    result = couturier("teach", str(table), *told)
    assert result.exit_code == 0, result.output
    counts = {part.strip(): int(count) for count, part in _pairs(result.stdout)}
    assert counts["table"] == 43 == sum(counts.values()) - counts["table"]
    assert (counts["without text or label"], counts["rare label"], counts["used"]) == (2, 1, 40)
    found = DecoderTrimmedClassifier.load(out)
    assert found.mode_ == (mode or "linear")
    assert all(f"%  {name}\n" in result.stdout for name in (found.mode_, MAJORITY, WORD_MODEL))
    assert found.classes_.tolist() == ["coats", "trousers"]
    answer = couturier("classify", "white coats 9", "--head", str(out))
    assert answer.exit_code == 0, answer.output
    assert answer.stdout.split("\t")[0] == found.predict(["white coats 9"])[0]


def _pairs(stdout):
    return [line.split(maxsplit=1) for line in stdout.splitlines() if line.lstrip()[:1].isdigit()][:5]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (("--text", "name", "--label", "kind"), "shop.csv has no column 'name'. Columns found: title, kind"),
        (("--text", "title", "--label", "title"), "the label itself"),
        (("--text", "title", "--label", "kind", "--mode", "guess"), "--mode"),
        (("--text", "title", "--label", "kind", "--prompt", "plain"), "--prompt"),
        (("--text", "title", "--label", "kind", "--set", "epochs=3"), "--mode fine_tune"),
        (
            ("--text", "title", "--label", "kind", "--mode", "fine_tune", "--set", "epoch=3"),
            "fine_tuning.epoch",
        ),
        (("--text", "title", "--label", "kind", "--words", "hats=hats"), "'hats', which is no label"),
        (("--text", "title", "--label", "kind", "--min-rows", "30"), "0 of 3 labels in column 'kind'"),
    ],
)
def test_what_cannot_be_learnt_is_refused_by_name(couturier, shop, table, tmp_path, asked, words):
    result = couturier("teach", str(table), *asked, "--out", str(tmp_path / "out"))
    assert result.exit_code == 1, result.output
    assert words in result.output
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_not_there_is_named(couturier, shop, tmp_path):
    result = couturier("teach", "no.csv", "--text", "a", "--label", "b", "--out", str(tmp_path / "out"))
    assert (result.exit_code, "no.csv does not exist" in result.output) == (1, True)
