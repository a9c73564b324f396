"""Score labels by their words at a prompt's end."""

from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np
import torch

from rec_assets.backbone.trim import TrimmedDecoder, trim_decoder
from rec_assets.heads.errors import HeadError
from rec_assets.heads.label_words import Sequences
from rec_assets.heads.language_model import LanguageModel
from rec_assets.heads.prefix import Prefix, read_prefix
from rec_assets.heads.states import TEXT_TOKENS, encode
from rec_assets.heads.trie import Trie, read_trees

MultiToken = Literal["sequence", "mean", "trie"]
MULTI_TOKEN: tuple[MultiToken, ...] = get_args(MultiToken)


class WordScorer:
    """Labels' scores: the logarithm of the summed probabilities of their words' variants.

    Words of one token need nothing but the trimmed decoder. Longer ones are read as a tree behind the prompt,
    in the same pass.

    Parameters
    ----------
    language
        The model.
    prompt
        Template with the field ``{text}``; the words follow it.
    sequences
        Token sequences of each of the n labels; of two where one begins the other, the shorter needs what
        ends an answer behind it, see :meth:`LabelWords.sequences`.
    multi_token
        How a sequence of several tokens is scored. ``sequence``: its log-probability. ``mean``: that divided
        by its length, so that long names are not at a disadvantage. ``trie``: each token's probability among
        those that may follow in the tree; nothing outside it is scored, so it needs no vocabulary head.
    demonstrations
        Tokens before every prompt, read once; with what opens every text.
    text_tokens
        Tokens of a text that are read.
    decoder
        Rows of the sequences' tokens, sorted by token; none: they are cut out of the model.

    Raises
    ------
    HeadError
        When ``multi_token`` is unknown.
    """

    def __init__(
        self,
        language: LanguageModel,
        prompt: str,
        sequences: Sequences,
        *,
        multi_token: MultiToken = "sequence",
        demonstrations: Sequence[int] = (),
        text_tokens: int = TEXT_TOKENS,
        decoder: TrimmedDecoder | None = None,
    ) -> None:
        check_multi_token(multi_token)
        self.language = language
        self.prompt = prompt
        self.sequences = sequences
        self.multi_token = multi_token
        self.demonstrations = tuple(demonstrations)
        self.text_tokens = text_tokens
        self._flat = [sequence for own in sequences for sequence in own]
        self.trie = Trie.of(self._flat)
        tokens = sorted({token for sequence in self._flat for token in sequence})
        self._column = {token: column for column, token in enumerate(tokens)}
        if decoder is None:
            _ = language.head  # refused, with its cure, where there is none to cut
            decoder = trim_decoder(language.model, tokens)
        self.decoder = decoder
        self._prefix: Prefix | None = None

    @property
    def needs_vocabulary(self) -> bool:
        """Whether a whole vocabulary must be scored, or the trimmed decoder is enough."""
        return self.multi_token == "mean" or (self.multi_token == "sequence" and bool(self.trie.tokens))

    @property
    def prefix(self) -> Prefix | None:
        """The demonstrations as the model remembers them, read at the first use."""
        if self._prefix is None and self.demonstrations:
            self._prefix = read_prefix(self.language, self.demonstrations)
        return self._prefix

    def rows(self, texts: Sequence[str]) -> list[list[int]]:
        """Render texts to the token ids that are read."""
        return [
            encode(
                self.language.tokenizer,
                self.prompt,
                text,
                text_tokens=self.text_tokens,
                start=not self.demonstrations,
            )
            for text in texts
        ]

    @torch.no_grad()
    def scores(self, texts: Sequence[str]) -> np.ndarray:
        """Score N texts, (N, n): log-probabilities of the labels among each other."""
        scores = torch.empty(len(texts), len(self.sequences))
        for batch, states in read_trees(self.language, self.rows(texts), self.trie, self.prefix):
            scores[batch] = self.label_scores(states)
        return scores.log_softmax(dim=-1).numpy()

    def label_scores(self, states: torch.Tensor) -> torch.Tensor:
        """Score labels from the states at the prompts' ends and the tree's nodes, (B, 1 + T, d) to (B, n)."""
        logits = self.decoder(states.to(self.decoder.weight)).float()  # (B, 1 + T, tokens)
        if self.multi_token == "trie":
            parts = [
                logits[:, node, self._columns(node)].logsumexp(dim=-1) for node in range(states.shape[1])
            ]
            logits = logits - torch.stack(parts, dim=1)[..., None]
        elif self.needs_vocabulary:
            logits = logits - self.language.log_partition(states.flatten(0, 1)).view(*states.shape[:2], 1)
        words = []
        for sequence, steps in zip(self._flat, self.trie.steps, strict=True):
            total = sum(
                logits[:, node, self._column[token]] for node, token in zip(steps, sequence, strict=True)
            )
            words.append(total / len(sequence) if self.multi_token == "mean" else total)
        table = torch.stack(
            [word for word in words if isinstance(word, torch.Tensor)], dim=-1
        )  # (B, variants)
        return torch.stack(
            [part.logsumexp(dim=-1) for part in table.split([len(own) for own in self.sequences], dim=-1)],
            dim=-1,
        ).cpu()

    def differentiable_scores(self, **inputs: torch.Tensor) -> torch.Tensor:
        """Score labels of one-token words of B rows of one length, keeping gradients, (B, n).

        Parameters
        ----------
        **inputs
            ``input_ids`` (B, T), or ``inputs_embeds`` (B, T, d).

        Raises
        ------
        HeadError
            When a word has several tokens.
        """
        if self.trie.tokens:
            raise HeadError(
                "Gradients are taken for words of one token only.", "Use the method leave_one_out instead."
            )
        options: dict[str, Any] = {"use_cache": False}
        if self.prefix is not None:
            count = len(next(iter(inputs.values())))
            options = {"use_cache": True, "past_key_values": self.prefix.cache(count)}
        states = self.language.decoder(**inputs, **options).last_hidden_state
        return self.label_scores(states[:, -1:])

    def _columns(self, node: int) -> list[int]:
        return [self._column[token] for token in self.trie.children[node]]


def check_multi_token(multi_token: Any) -> None:
    """Refuse a way to score several tokens that there is none of.

    Raises
    ------
    HeadError
        Naming the choices.
    """
    if multi_token not in MULTI_TOKEN:
        raise HeadError(f"There is no multi_token {multi_token!r}.", f"Choose {', '.join(MULTI_TOKEN)}.")
