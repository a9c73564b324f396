"""Search label words: the tokens whose probability at the answer's place tells a label best.

In the manner of PET's and LM-BFF's automatic verbalisers (Schick et al. 2020, arXiv 2010.13641; Gao et al.
2021, arXiv 2012.15723): one pass over the training texts, and no gradient.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from rec_assets.heads.errors import HeadError
from rec_assets.heads.label_words import LabelWords
from rec_assets.heads.language_model import LanguageModel

_PLAUSIBLE = 2000  # tokens a label's texts make most likely
_SHRINK = 0.5  # nats added to every spread: few texts underestimate it
_CHUNK = 64


@torch.no_grad()
def search_label_words(
    language: LanguageModel,
    states: torch.Tensor,
    targets: np.ndarray,
    labels: Sequence[Any],
    words: int = 3,
) -> LabelWords:
    """Choose the words that separate each label from the others.

    A token's score for a label is the mean of its log-probability over the label's texts less that over the
    other labels' (each label weighing the same), divided by its spread within labels. Only whole words among
    the tokens that the label's texts make most likely are chosen, and none for two labels.

    Parameters
    ----------
    language
        The model, with its vocabulary's head.
    states
        The decoder's last hidden states at the prompts' ends, (N, d).
    targets
        Label indices, (N,).
    labels
        The n labels.
    words
        Words wanted for each.

    Raises
    ------
    HeadError
        When a label has no text, there are fewer than two, or no word tells it.
    """
    counts = np.bincount(targets, minlength=len(labels))
    if len(labels) < 2 or not counts.all():
        raise HeadError(
            "Label words are searched by comparing labels, and one has no text or there is only one.",
            "Give texts of at least two labels, or name the words in label_words.",
        )
    mean, spread = _moments(language, states, torch.from_numpy(np.asarray(targets)), len(labels))
    scores = []
    for label in range(len(labels)):
        others = (mean.sum(dim=0) - mean[label]) / (len(labels) - 1)
        score = (mean[label] - others) / (spread + _SHRINK)
        likely = torch.full_like(score, -torch.inf)
        plausible = mean[label].topk(min(_PLAUSIBLE, len(score))).indices
        likely[plausible] = score[plausible]
        scores.append(likely)
    table = torch.stack(scores)  # (n, V)
    best = table.argmax(dim=0)
    chosen: list[tuple[str, ...]] = []
    taken: set[str] = set()
    for row, label in enumerate(labels):
        own: list[str] = []
        order = table[row].argsort(descending=True, stable=True).tolist()
        for token in order:
            if len(own) == words or table[row, token] <= 0:
                break
            word = _whole_word(language.tokenizer, token)
            if word is None or word.lower() in taken or int(best[token]) != row:
                continue
            taken.add(word.lower())
            own.append(word)
        if not own:
            raise HeadError(
                f"No word of the vocabulary tells {label!r} from the other labels.",
                "Name the words in label_words, or give more texts.",
            )
        chosen.append(tuple(own))
    return LabelWords(tuple(labels), tuple(chosen))


def _moments(
    language: LanguageModel, states: torch.Tensor, targets: torch.Tensor, labels: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Give each label's mean log-probabilities (n, V) and their standard deviation within labels (V,)."""
    sums = torch.zeros(labels, language.vocabulary)
    squares = torch.zeros(language.vocabulary)
    for chunk, own in zip(states.split(_CHUNK), targets.split(_CHUNK), strict=True):
        found = language.logits(chunk.to(language.device)).log_softmax(dim=-1).cpu()  # (M, V)
        sums.index_add_(0, own, found)
        squares += found.square().sum(dim=0)
    counts = torch.bincount(targets, minlength=labels)[:, None]
    mean = sums / counts
    within = squares / len(targets) - (mean.square() * counts).sum(dim=0) / len(targets)
    return mean, within.clamp(min=0).sqrt()


def _whole_word(tokenizer: Any, token: int) -> str | None:
    """Give the word a token writes on its own, or none when it writes a part, a sign or a special token."""
    if token in tokenizer.all_special_ids:
        return None
    text: str = tokenizer.decode([token])
    word = text.strip()
    if len(word) < 3 or not word.isalpha():
        return None
    # Legacy SentencePiece writes a space before the first word itself; one more is a token of its own.
    spaced = str(tokenizer.convert_ids_to_tokens(token)).startswith("▁")
    spellings = [f" {word}", word] if spaced else [f" {word}"]
    written = [list(tokenizer.encode(spelling, add_special_tokens=False)) for spelling in spellings]
    return word if [token] in written else None
