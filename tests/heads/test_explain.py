import numpy as np
import pytest
import torch

from rec_assets.heads.classifier import DecoderTrimmedClassifier
from rec_assets.heads.errors import HeadError
from rec_assets.heads.explain import Attribution, _spans
from rec_assets.heads.explain_page import to_html, to_png
from rec_assets.heads.language_model import LanguageModel

LABELS = {"Belts": ["belts"], "Coats": ["coats"], "Trousers": ["trousers"]}
TEXT = "black red Coats"


def fit_at(layer, model, tokenizer, articles):
    known = articles.head(90)
    language, prompt = LanguageModel(model, tokenizer), "{text} This garment is a"
    clf = DecoderTrimmedClassifier(language, LABELS, prompt, mode="linear", layer=layer, pooling="mean")
    return clf.fit(known["title"].tolist(), known["category"])


@pytest.fixture
def words(model, tokenizer, articles):
    """Reads the words' embeddings: what a word adds is known."""
    return fit_at(0, model, tokenizer, articles)


@pytest.fixture
def fitted(model, tokenizer, articles):
    return fit_at(1, model, tokenizer, articles)


@pytest.mark.parametrize("method", ["leave_one_out", "gradient"])
@pytest.mark.parametrize("unit", ["word", "token"])
def test_the_word_that_names_the_label_speaks_for_it(words, method, unit):
    parts = words.explain(TEXT, "Coats", method, unit)
    assert all(TEXT[part.offset : part.offset + len(part.token)] == part.token for part in parts)
    assert [part.offset for part in parts] == sorted(part.offset for part in parts)
    telling = [part for part in parts if part.offset >= TEXT.index("Coats")]
    assert max(parts, key=lambda part: part.score) in telling


def test_leave_one_out_is_what_the_word_adds(fitted):
    parts = fitted.explain(TEXT, "Coats")
    column = fitted.classes_.tolist().index("Coats")
    whole, without = np.log(fitted.predict_proba([TEXT, "black red "])[:, column])
    assert parts[2].score == pytest.approx(whole - without, rel=1e-4)


def test_gradients_add_up_by_word(fitted):
    words = fitted.explain(TEXT, "Coats", "gradient", "word")
    tokens = fitted.explain(TEXT, "Coats", "gradient", "token")
    assert sum(part.score for part in words) == pytest.approx(sum(part.score for part in tokens), rel=1e-4)


def test_gradient_times_input_is_the_directional_derivative(fitted):
    """Scaling one token's embedding by 1 + e moves the log-probability by e times its score."""
    scorer = fitted.scorer_
    row = torch.tensor(scorer.rows(["black"]))
    embedded = scorer.language.decoder.get_input_embeddings()(row).detach()
    step = 1e-3
    moved = []
    for sign in (1, -1):
        shifted = embedded.clone()
        shifted[0, 1 : row.shape[1]] *= 1 + sign * step
        # Only the text's own tokens: the prompt's words after it stay.
        after = len(scorer.language.tokenizer.encode(" This garment is a", add_special_tokens=False))
        shifted[0, -after:] = embedded[0, -after:]
        scores = scorer.differentiable_scores(inputs_embeds=shifted).log_softmax(-1)
        moved.append(float(scores.detach()[0, 1]))
    total = sum(part.score for part in fitted.explain("black", "Coats", "gradient"))
    assert total == pytest.approx((moved[0] - moved[1]) / (2 * step), rel=0.02, abs=1e-3)


@pytest.mark.parametrize("method", ["leave_one_out", "gradient"])
def test_what_is_not_read_has_no_part(model, tokenizer, articles, method):
    titles, language = articles["title"].head(90), LanguageModel(model, tokenizer)
    prompt = "This garment {text} is a"
    clf = DecoderTrimmedClassifier(language, None, prompt, "linear", layer=1, pooling="mean", text_tokens=2)
    clf.fit(titles.tolist(), titles.str.split().str[0])
    parts = clf.explain("black red white green", "black", method)
    assert [part.score == 0 for part in parts][2:] == [True, True]
    assert any(part.score for part in parts)


def test_a_label_without_texts_is_explained_by_numbers(model, tokenizer, articles):
    titles = articles["title"].head(90).tolist()
    kept = [(title, title.split()[-1]) for title in titles if not title.endswith("Coats")]
    clf = DecoderTrimmedClassifier(
        LanguageModel(model, tokenizer), LABELS, "{text} is a", mode="linear", layer=1, pooling="mean"
    ).fit(*map(list, zip(*kept, strict=True)))
    assert clf.predict_proba([TEXT])[0, 1] == 0
    assert np.isfinite([part.score for part in clf.explain(TEXT, "Coats")]).all()


def test_the_prompts_last_character_is_no_part_of_the_first_word(model, tokenizer, articles):
    titles = articles["title"].head(90)
    language = LanguageModel(model, tokenizer)
    clf = DecoderTrimmedClassifier(language, LABELS, "no .{text} is a", "linear", layer=0, pooling="mean")
    clf.fit(titles.tolist(), articles["category"].head(90))
    scorer = clf.scorer_
    row = torch.tensor(scorer.rows(["black"]))
    embedded = scorer.language.decoder.get_input_embeddings()(row).detach().requires_grad_(True)
    scores = scorer.differentiable_scores(inputs_embeds=embedded).log_softmax(dim=-1)
    (slope,) = torch.autograd.grad(scores[0, 1], embedded)
    each = (slope * embedded)[0].sum(dim=-1).detach()
    before = 1 + len(tokenizer.encode("no .", add_special_tokens=False))
    own = len(tokenizer.encode("black", add_special_tokens=False))
    (part,) = clf.explain("black", "Coats", "gradient")
    assert part.score == pytest.approx(float(each[before : before + own].sum()), rel=1e-4)


def test_special_tokens_before_the_text_shift_its_gradients(model, tokenizer, articles):
    titles, language = articles["title"].head(90), LanguageModel(model, tokenizer)
    found = []
    for prompt in ("<s></s>{text} is a", "{text} is a"):
        clf = DecoderTrimmedClassifier(language, LABELS, prompt, "linear", layer=0, pooling="mean", C=1.0)
        clf.fit(titles.tolist(), articles["category"].head(90))
        found.append([part.score for part in clf.explain(TEXT, "Coats", "gradient")])
    assert np.argmax(found[0]) == np.argmax(found[1]) == 2


def test_a_character_of_several_tokens_is_one_part():
    class Bytes:
        is_fast = True

        def __call__(self, text, **_):
            return {"offset_mapping": [(0, 1), (1, 3), (2, 3), (2, 3), (3, 5), (5, 5)]}

    assert _spans(Bytes(), "a 😀 b", "token") == [(0, 1), (1, 3), (3, 5)]


@pytest.mark.parametrize("mode", ["zero_shot", "channel"])
def test_modes_without_training_are_explained_too(model, tokenizer, mode):
    clf = DecoderTrimmedClassifier(LanguageModel(model, tokenizer), ["black", "red"], mode=mode).fit()
    assert len(clf.explain("white green")) == 2
    if mode == "channel":
        with pytest.raises(HeadError, match="leave_one_out"):
            clf.explain("white green", method="gradient")
    assert clf.explain("") == []


def test_gradients_are_those_of_the_calibrated_answer(model, tokenizer):
    """Scaling a word's embedding by 1 + e moves the calibrated log-probability by e times its score."""
    language = LanguageModel(model, tokenizer)
    clf = DecoderTrimmedClassifier(language, LABELS, "{text} is", mode="zero_shot").fit()
    clf.prior_ = np.log([0.9, 0.07, 0.03])
    scorer = clf.scorer_
    row = torch.tensor(scorer.rows(["black"]))
    embedded = language.decoder.get_input_embeddings()(row).detach()

    def answer(scale: float) -> float:
        moved = embedded.clone()
        moved[0, 1] *= scale
        with torch.no_grad():
            raw = scorer.differentiable_scores(inputs_embeds=moved)[0].double() - torch.from_numpy(clf.prior_)
        return float(raw.log_softmax(dim=-1)[0])

    (part,) = clf.explain("black", clf.classes_[0], "gradient", "token")
    assert part.score == pytest.approx((answer(1.01) - answer(0.99)) / 0.02, rel=0.05, abs=1e-5)


@pytest.mark.parametrize(
    ("asked", "words"), [({"method": "guess"}, "no method"), ({"label": "Hats"}, "'Hats' is no label")]
)
def test_what_cannot_be_explained_is_refused(fitted, asked, words):
    with pytest.raises(HeadError, match=words):
        fitted.explain(TEXT, **asked)


def test_html_holds_the_text_and_its_colours_and_no_markup_of_its_own():
    parts = [Attribution("<b>", 0, 1.0), Attribution("bad", 4, -0.5)]
    page = to_html("<b> bad film", parts, "good & new")
    assert "&lt;b&gt;" in page
    assert "good &amp; new" in page
    assert "rgba(46,125,50,1.00)" in page
    assert "rgba(198,40,40,0.50)" in page
    assert page.endswith("</span> film</p>")


def test_pictures_of_equal_parts_are_equal(tmp_path):
    parts = [Attribution("$5", 0, 1.0), Attribution("bad_{", 4, -0.5)]
    for name in ("a.png", "b.png"):
        to_png(parts, "$good$", tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    to_png([], "none", tmp_path / "c.png")
