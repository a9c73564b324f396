"""What in a text speaks for its label."""

import re
from typing import Any, NamedTuple

import torch

from rec_assets.heads.errors import HeadError
from rec_assets.heads.opening import opening_tokens
from rec_assets.heads.state_scores import StateScorer
from rec_assets.heads.states import split_opening
from rec_assets.heads.word_scores import WordScorer

METHODS = ("leave_one_out", "gradient")
UNITS = ("word", "token")


class Attribution(NamedTuple):
    """A part of a text, and how much it speaks for a label.

    Parameters
    ----------
    token
        The part, as it stands in the text.
    offset
        Its first character.
    score
        Above 0: it speaks for the label.
    """

    token: str
    offset: int
    score: float


def explain(
    classifier: Any, text: str, label: Any = None, method: str = "leave_one_out", unit: str = "word"
) -> list[Attribution]:
    """Attribute one prediction to the parts of its text.

    Parameters
    ----------
    classifier
        A fitted :class:`rec_assets.heads.classifier.DecoderTrimmedClassifier`.
    text
        The text.
    label
        The label to explain; none: the predicted one.
    method
        ``leave_one_out``: the label's log-probability less that of the text without the part, one pass per
        part, in any mode. ``gradient``: gradient times input embedding of the label's log-probability, one
        pass; not for the channel or words of several tokens.
    unit
        ``word`` or ``token``; a word's gradient is the sum of its tokens'. Tokens that share a character are
        one part.

    Returns
    -------
    list of Attribution
        In the order of the text; parts beyond ``text_tokens`` score 0.

    Raises
    ------
    HeadError
        When method, unit or label are unknown, or the method does not suit the mode.
    """
    if method not in METHODS or unit not in UNITS:
        raise HeadError(
            f"There is no method {method!r} by {unit!r}.",
            f"Methods: {', '.join(METHODS)}. Units: {', '.join(UNITS)}.",
        )
    answer = classifier.predict_log_proba([text])[0]
    classes = classifier.classes_.tolist()
    if label is not None and label not in classes:
        raise HeadError(f"{label!r} is no label.", f"Labels are: {', '.join(map(str, classes))}.")
    column = int(answer.argmax()) if label is None else classes.index(label)
    spans = _spans(classifier.scorer_.language.tokenizer, text, unit)
    if method == "gradient":
        scores = _gradient(classifier, text, column, spans)
    else:
        scores = _leave_one_out(classifier, text, column, spans, float(answer[column]))
    return [
        Attribution(text[start:end], start, float(score))
        for (start, end), score in zip(spans, scores, strict=True)
    ]


def _leave_one_out(
    classifier: Any, text: str, column: int, spans: list[tuple[int, int]], whole: float
) -> list[float]:
    """Log-probability lost with each span; exactly 0 for what is not read, whatever a batch rounds."""
    shortened = [text[:start] + text[end:] for start, end in spans]
    read = classifier.scorer_.rows([text])[0]
    scores = [0.0] * len(spans)
    places = [place for place, row in enumerate(classifier.scorer_.rows(shortened)) if row != read]
    if places:
        left = classifier.predict_log_proba([shortened[place] for place in places])[:, column]
        for place, score in zip(places, left, strict=True):
            scores[place] = whole - float(score)
    return scores


def _spans(tokenizer: Any, text: str, unit: str) -> list[tuple[int, int]]:
    if unit == "word":
        return [match.span() for match in re.finditer(r"\S+", text)]
    spans: list[tuple[int, int]] = []
    for start, end in _offsets(tokenizer, text):
        if spans and start < spans[-1][1]:
            spans[-1] = spans[-1][0], max(end, spans[-1][1])
        elif end > start:
            spans.append((start, end))
    return spans


def _offsets(tokenizer: Any, text: str) -> list[tuple[int, int]]:
    if not getattr(tokenizer, "is_fast", False):
        raise HeadError("This tokenizer does not tell where its tokens stand.", "Explain by word instead.")
    found = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, split_special_tokens=True)
    return [(int(start), int(end)) for start, end in found["offset_mapping"]]


def _gradient(classifier: Any, text: str, column: int, spans: list[tuple[int, int]]) -> list[float]:
    """Gradient times input of every token, summed by span."""
    scorer = classifier.scorer_
    if not isinstance(scorer, WordScorer | StateScorer):
        raise HeadError("The channel has no gradient for a label.", "Use the method leave_one_out.")
    language = scorer.language
    row = scorer.rows([text])[0]
    before = scorer.prompt.partition("{text}")[0]
    ids = torch.tensor([row], device=language.device)
    embedded = language.decoder.get_input_embeddings()(ids).detach().requires_grad_(True)
    scores = scorer.differentiable_scores(inputs_embeds=embedded)
    if classifier.prior_ is not None:
        scores = scores - torch.from_numpy(classifier.prior_).to(scores)
    scores = scores.log_softmax(dim=-1)
    (slope,) = torch.autograd.grad(scores[0, column], embedded)
    each = (slope * embedded)[0].sum(dim=-1).detach().cpu()  # (T,)
    tokenizer = language.tokenizer
    starts = 0 if getattr(scorer, "demonstrations", ()) else len(opening_tokens(tokenizer, before))
    totals = [0.0] * len(spans)
    # As many as are read; what comes next in the row are the prompt's words after the text.
    opening, rest = split_opening(tokenizer, before)
    starts += len(opening)
    read = scorer.text_tokens + len(tokenizer.encode(rest, add_special_tokens=False))
    for place, (start, end) in enumerate(_offsets(tokenizer, rest + text)[:read]):
        middle = (start + end) / 2 - len(rest)
        for number, (left, right) in enumerate(spans):
            # At -0.5 lies the prompt's last character, a token of its own.
            if max(left - 0.5, -0.25) <= middle <= right:
                totals[number] += float(each[starts + place])
                break
    return totals
