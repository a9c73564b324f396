"""Phrases of SST-2's parse trees, each with its own label: what published figures on all data train on."""

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from classification.tasks import Task

# The sentences are written as in the Penn Treebank, the phrases are not.
_TREEBANK = {"-lrb-": "(", "-rrb-": ")", "\\/": "/", "\\*": "*"}


def with_phrases(task: Task, phrases: list[str], targets: np.ndarray) -> Task:
    """Add phrases to a task's training texts, after all its rows.

    Left out is what stands in train already, and what is a test sentence or a run of its words: it would be
    scored again with the sentence. What is a run of a selection sentence's words is withheld while recipes
    are chosen.

    Parameters
    ----------
    task
        Of sentences.
    phrases, targets
        M texts and their labels' indices, (M,).
    """
    known = {plain(text) for text in task.said(task.rows("train"))}
    tested = set(_runs(task.said(task.rows("test"))))
    chosen_on = set(_runs(task.said(task.rows("selection"))))
    kept, withheld = [], []
    for place, phrase in enumerate(phrases):
        words = plain(phrase)
        if words in known or words in tested:
            continue
        known.add(words)
        kept.append(place)
        withheld.append(words in chosen_on)
    nowhere = np.zeros(len(kept), bool)
    return replace(
        task,
        texts=(*task.texts, *(phrases[place] for place in kept)),
        targets=np.concatenate([task.targets, targets[kept]]),
        test=np.concatenate([task.test, nowhere]),
        selection=np.concatenate([task.selection, nowhere]),
        withheld=np.concatenate([task.withheld, np.array(withheld, bool)]),
    )


def plain(text: str) -> str:
    r"""Write a text so that the two ways to write one are alike.

    >>> plain("a caf\u00e9\u00a0-lrb- and\\/or bar -rrb-")
    'a cafe ( and/or bar )'
    """
    for written, meant in _TREEBANK.items():
        text = text.replace(written, meant)
    letters = unicodedata.normalize("NFKD", text)
    return " ".join("".join(one for one in letters if not unicodedata.combining(one)).split())


def _runs(sentences: Iterable[str]) -> Iterator[str]:
    """Yield every run of words in sentences, whole ones included."""
    for sentence in sentences:
        words = plain(sentence).split()
        for start in range(len(words)):
            for end in range(start + 1, len(words) + 1):
                yield " ".join(words[start:end])
