"""The words that stand for a label, and the token sequences they may be written as."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rec_assets.heads.errors import HeadError

Words = Mapping[Any, str | Sequence[str]] | Sequence[Any]
Sequences = tuple[tuple[tuple[int, ...], ...], ...]


@dataclass(frozen=True)
class LabelWords:
    """Labels and the words that speak for them.

    Parameters
    ----------
    labels
        The n labels.
    words
        At least one word for each.
    """

    labels: tuple[Any, ...]
    words: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, labels: Words) -> "LabelWords":
        """Read ``{label: words}``, ``{label: word}``, or a list of labels whose names are their words.

        Raises
        ------
        HeadError
            When they are one text, or a label comes twice, has no word, or an empty one.
        """
        refuse_one_text(labels)
        pairs = list(labels.items()) if isinstance(labels, Mapping) else [(one, str(one)) for one in labels]
        names = tuple(label for label, _ in pairs)
        if len(set(names)) < len(names):
            twice = next(label for label in names if names.count(label) > 1)
            raise HeadError(f"The label {twice!r} is given twice.", "Give every label once.")
        words = tuple((own,) if isinstance(own, str) else tuple(own) for _, own in pairs)
        for label, own in zip(names, words, strict=True):
            if not own or not all(isinstance(word, str) and word.strip() for word in own):
                raise HeadError(f"The label {label!r} has no word, or an empty one.", "Give it a word.")
        return cls(names, words)

    def in_order(self, labels: Sequence[Any]) -> "LabelWords":
        """Give the words of these labels, in this order; a label without words takes its own name.

        Raises
        ------
        HeadError
            When there are words for another label.
        """
        known, wanted = dict(zip(self.labels, self.words, strict=True)), set(labels)
        if unknown := [label for label in known if label not in wanted]:
            raise HeadError(
                f"There are words for {unknown[0]!r}, which is no label.",
                f"Labels are: {', '.join(map(str, labels))}.",
            )
        return LabelWords(tuple(labels), tuple(known.get(label, (str(label),)) for label in labels))

    def sequences(self, tokenizer: Any, *, ended: bool = False) -> Sequences:
        """Write each label's words as token sequences: every variant once, sorted.

        Of a word that some variant writes as one token, variants of several tokens are left out: hardly ever
        answered, they would cost a pass over the whole vocabulary.
        A sequence that two labels would share speaks for neither; it is left out.

        Parameters
        ----------
        tokenizer
            The base model's.
        ended
            A sequence that begins another label's is followed by what ends an answer, a line break or the end
            of the text: without it the longer would be part of the shorter, and never more likely.

        Raises
        ------
        HeadError
            When a label has no sequence of its own, or one begins another's and nothing ends it.
        """
        own = [{one for word in words for one in _spellings(tokenizer, word)} for words in self.words]
        if ended:
            own = self._ended(tokenizer, own)
        shared = {s for i, one in enumerate(own) for other in own[:i] for s in one & other}
        kept = [sorted(one - shared) for one in own]
        for label, words, sequences in zip(self.labels, self.words, kept, strict=True):
            if not sequences:
                raise HeadError(
                    f"The words of {label!r} ({', '.join(words)}) are another label's too.",
                    "Give it a word of its own.",
                )
        return tuple(tuple(one) for one in kept)

    def _ended(self, tokenizer: Any, own: Sequence[set[tuple[int, ...]]]) -> list[set[tuple[int, ...]]]:
        begun: dict[tuple[int, ...], set[int]] = {}  # labels whose sequences begin so, and go on
        for row, sequences in enumerate(own):
            for one in sequences:
                for end in range(1, len(one)):
                    begun.setdefault(one[:end], set()).add(row)
        ends = {tuple(ids[-1:]) for text in ("\n", "\n\n") if (ids := _encode(tokenizer, text))}
        if tokenizer.eos_token_id is not None:
            ends.add((tokenizer.eos_token_id,))
        ended: list[set[tuple[int, ...]]] = []
        for row, sequences in enumerate(own):
            short = {one for one in sequences if begun.get(one, set()) - {row}}
            if short and not ends:
                longer = self.labels[min(begun[min(short)] - {row})]
                raise HeadError(
                    f"The words of {self.labels[row]!r} begin those of {longer!r}, and this tokenizer has "
                    "nothing that ends an answer.",
                    "Give one of them other words in label_words.",
                )
            ended.append((sequences - short) | {one + end for one in short for end in ends})
        return ended


def refuse_one_text(labels: Words) -> None:
    """Refuse one text in place of labels: it would be taken apart into letters.

    Raises
    ------
    HeadError
        When it is one.
    """
    if isinstance(labels, str | bytes):
        raise HeadError(f"One text, {labels!r}, was given where labels are expected.", "Write [label, ...].")


def variants(word: str) -> tuple[str, ...]:
    """Write a word as it is, in small letters and with a capital, each after a space and without one."""
    cases = (word, word.lower(), word[:1].upper() + word[1:])
    return tuple(dict.fromkeys(space + case for space in (" ", "") for case in cases))


def _spellings(tokenizer: Any, word: str) -> set[tuple[int, ...]]:
    found = {tuple(ids) for variant in variants(word) if (ids := _encode(tokenizer, variant))}
    return {ids for ids in found if len(ids) == 1} or found


def _encode(tokenizer: Any, text: str) -> list[int]:
    ids: list[int] = tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)
    # A word the tokenizer does not know says nothing about any label.
    return [] if tokenizer.unk_token_id is not None and tokenizer.unk_token_id in ids else ids
