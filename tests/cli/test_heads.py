import pytest
import torch

from rec_assets.backbone.load import load_base, load_tokenizer
from rec_assets.cli import heads  # noqa: F401 -- registers the command
from rec_assets.heads.classifier import DecoderTrimmedClassifier
from rec_assets.heads.label_head import LabelHead
from rec_assets.heads.states import encode, last_states

TEXTS = ["soft red coats", "black trousers"]
LABELS = ["--label", "Coats", "--label", "legs=trousers,no"]


@pytest.fixture
def shop(workspace, tiny_base):
    workspace.base_model.parent.mkdir(parents=True, exist_ok=True)
    workspace.base_model.symlink_to(tiny_base)
    return workspace


def lines(result):
    assert result.exit_code == 0, result.output
    return [line.split("\t") for line in result.stdout.splitlines() if "\t" in line]


@pytest.mark.parametrize("mode", ["zero_shot", "channel"])
def test_any_labels_can_be_asked_for(couturier, shop, mode):
    found = lines(couturier("classify", *TEXTS, *LABELS, "--prompt", "{text} in", "--mode", mode))
    clf = DecoderTrimmedClassifier(
        shop.base_model, {"Coats": "Coats", "legs": ["trousers", "no"]}, "{text} in", mode=mode
    ).fit()
    assert [row[0] for row in found] == clf.predict(TEXTS).tolist()
    assert [row[1] for row in found] == [f"{value:.3f}" for value in clf.predict_proba(TEXTS).max(axis=1)]
    assert [row[2] for row in found] == TEXTS


def test_texts_come_from_a_file_and_empty_lines_are_none(couturier, shop, tmp_path):
    (tmp_path / "texts.txt").write_text("\n".join([TEXTS[0], "", TEXTS[1], ""]))
    found = lines(couturier("classify", "--file", str(tmp_path / "texts.txt"), *LABELS))
    assert [row[2] for row in found] == TEXTS


def test_each_words_share_is_shown(couturier, shop):
    found = lines(couturier("classify", TEXTS[0], *LABELS, "--explain"))
    assert [row[2] for row in found[1:]] == TEXTS[0].split()


def test_a_head_of_the_last_run_answers_by_name_and_by_folder(couturier, shop, tmp_path, monkeypatch):
    model, tokenizer = load_base(shop.base_model), load_tokenizer(shop.base_model)
    head = LabelHead.from_label_words(model, tokenizer, ["trousers", "coats"], "{text} in")
    with torch.no_grad():
        head.decoder.bias.add_(torch.tensor([0.3, 0.0]))
    (shop.heads / "category").mkdir(parents=True)
    head.save(shop.heads / "category")
    (tmp_path / "here" / "category").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")  # a folder of that name does not stand before it
    asked = last_states(model, [encode(tokenizer, head.prompt, text) for text in TEXTS])
    expected = [head.labels[index] for index in head.predict(asked).tolist()]
    for name in ("category", str(shop.heads / "category"), "../shop/data/models/heads/category"):
        assert [row[0] for row in lines(couturier("classify", *TEXTS, "--head", name))] == expected


def test_a_saved_classifier_answers_from_its_folder(couturier, shop, tmp_path, monkeypatch):
    clf = DecoderTrimmedClassifier(shop.base_model, ["coats", "trousers"], multi_token="trie").fit()
    clf.save(tmp_path / "saved")
    found = lines(couturier("classify", *TEXTS, "--head", str(tmp_path / "saved")))
    assert [row[0] for row in found] == clf.predict(TEXTS).tolist()
    monkeypatch.delenv("COUTURIER_HOME")
    monkeypatch.chdir(tmp_path)  # no workspace
    assert lines(couturier("classify", *TEXTS, "--head", "saved")) == found


def test_a_label_named_twice_has_the_words_of_both(couturier, shop):
    twice = ["--label", "up=soft", "--label", "up=red", "--label", "down=no"]
    found = lines(couturier("classify", *TEXTS, *twice))
    clf = DecoderTrimmedClassifier(shop.base_model, {"up": ["soft", "red"], "down": ["no"]}, mode="zero_shot")
    expected = clf.fit().predict_proba(TEXTS).max(axis=1)
    assert [row[1] for row in found] == [f"{value:.3f}" for value in expected]


def test_files_that_cannot_be_read_are_refused(couturier, shop, tmp_path):
    (tmp_path / "latin.txt").write_bytes("robe d'été".encode("latin-1"))
    for file, words in ((tmp_path, "is a folder"), (tmp_path / "latin.txt", "not written in UTF-8")):
        result = couturier("classify", "--file", str(file), *LABELS)
        assert result.exit_code == 1
        assert words in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["a text"], "Either labels or a saved head"),
        (["a text", "--label", "one"], "no choice"),
        ([*LABELS], "no text"),
        (["a text", *LABELS, "--mode", "linear"], "need training"),
        (["a text", "--head", "season"], "no head 'season'"),
        (["a text", "--head", "season", "--mode", "zero_shot"], "--mode would not be read"),
        (["a text", "--head", "season", "--prompt", "{text}", "--base", "x"], "--prompt and --base would"),
        (["--file", "nowhere.txt", *LABELS], "does not exist"),
    ],
)
def test_what_is_missing_is_said_with_its_cure(couturier, shop, arguments, words):
    result = couturier("classify", *arguments)
    assert result.exit_code == 1
    assert words in result.stderr
